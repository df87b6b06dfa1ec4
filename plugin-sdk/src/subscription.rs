//! What the host hands over with each call.

/// The fields that a plugin wants with each call, so that it need not ask.
///
/// Reading a subscribed field costs nothing; any other costs one call to the
/// host. Subscribe to what is read on most exchanges and pull the rest.
///
/// ```
/// use plugin_sdk::Subscription;
/// let wanted = Subscription::new()
///     .request_header("authorization")
///     .response_header("content-type");
/// # assert_eq!(wanted, Subscription::new().request_header("authorization")
/// #     .response_header("Content-Type").response_header("content-type"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    pub(crate) request: Vec<String>,
    pub(crate) response: Vec<String>,
    pub(crate) pick: Vec<String>,
}

impl Subscription {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// This request field with every [`on_request`](crate::Plugin::on_request).
    #[must_use]
    pub fn request_header(mut self, name: impl Into<String>) -> Self {
        insert(&mut self.request, name.into());
        self
    }

    /// This response field with every [`on_response`](crate::Plugin::on_response).
    #[must_use]
    pub fn response_header(mut self, name: impl Into<String>) -> Self {
        insert(&mut self.response, name.into());
        self
    }

    /// This request field with every [`on_pick`](crate::Plugin::on_pick).
    #[must_use]
    pub fn pick_header(mut self, name: impl Into<String>) -> Self {
        insert(&mut self.pick, name.into());
        self
    }

    /// The request fields, in lower case, in the order asked for.
    pub fn request_headers(&self) -> &[String] {
        &self.request
    }

    /// The response fields, in lower case, in the order asked for.
    pub fn response_headers(&self) -> &[String] {
        &self.response
    }

    /// The request fields of picks, in lower case, in the order asked for.
    pub fn pick_headers(&self) -> &[String] {
        &self.pick
    }
}

fn insert(names: &mut Vec<String>, mut name: String) {
    name.make_ascii_lowercase();
    if !names.contains(&name) {
        names.push(name);
    }
}
