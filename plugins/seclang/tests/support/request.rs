//! A request as a test describes it.

/// What goes through a transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) protocol: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(target: &str) -> Self {
        let mut request = Self {
            method: "GET".to_owned(),
            target: target.as_bytes().to_vec(),
            protocol: "HTTP/1.1".to_owned(),
            ..Self::default()
        };
        request.set("Host", "shop.example");
        request.set(
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        );
        request.set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        request
    }

    pub(crate) fn post(target: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::get(target);
        request.method = "POST".to_owned();
        request.body = body.into();
        request.set("Content-Type", content_type);
        request.set("Content-Length", &request.body.len().to_string());
        request
    }

    pub(crate) fn form(target: &str, body: &str) -> Self {
        Self::post(target, "application/x-www-form-urlencoded", body)
    }

    pub(crate) fn json(target: &str, body: &str) -> Self {
        Self::post(target, "application/json", body)
    }

    /// A field, in place of those of its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.headers.iter();
        fields.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Takes a message apart that is given octet by octet.
    pub(crate) fn parse(message: &[u8]) -> Self {
        let mut request = Self::default();
        let mut rest = message;
        let mut first = true;
        while !rest.is_empty() {
            let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
            if first {
                let mut words = line.splitn(2, |b| *b == b' ');
                request.method = text(words.next().unwrap_or_default());
                let others = words.next().unwrap_or_default();
                let split = others.iter().rposition(|b| *b == b' ').unwrap_or(others.len());
                request.target = others[..split].to_vec();
                request.protocol = text(others.get(split + 1..).unwrap_or_default());
                first = false;
            } else {
                let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
                let value = line.get(colon + 1..).unwrap_or_default().trim_ascii().to_vec();
                request.headers.push((text(&line[..colon]), value));
            }
        }
        request.body = rest.to_vec();
        request
    }
}
