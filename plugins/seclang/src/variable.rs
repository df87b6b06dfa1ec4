//! Variables and the targets that rules make of them.

use crate::transform::lower;

macro_rules! variables {
    ($($name:ident $text:literal $kind:ident,)*) => {
        /// What a rule can look at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the names are those of the language")]
        #[repr(u8)]
        pub enum Variable { $($name,)* }

        const ALL: &[(Variable, &str, Kind)] = &[$((Variable::$name, $text, Kind::$kind),)*];
    };
}

/// How many values a variable has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// At most one.
    Single,
    /// Any number, by key.
    Collection,
}

variables! {
    Args "ARGS" Collection,
    ArgsCombinedSize "ARGS_COMBINED_SIZE" Single,
    ArgsGet "ARGS_GET" Collection,
    ArgsGetNames "ARGS_GET_NAMES" Collection,
    ArgsNames "ARGS_NAMES" Collection,
    ArgsPost "ARGS_POST" Collection,
    ArgsPostNames "ARGS_POST_NAMES" Collection,
    AuthType "AUTH_TYPE" Single,
    Duration "DURATION" Single,
    Files "FILES" Collection,
    FilesCombinedSize "FILES_COMBINED_SIZE" Single,
    FilesNames "FILES_NAMES" Collection,
    FilesSizes "FILES_SIZES" Collection,
    FilesTmpContent "FILES_TMP_CONTENT" Collection,
    FullRequestLength "FULL_REQUEST_LENGTH" Single,
    Global "GLOBAL" Collection,
    HighestSeverity "HIGHEST_SEVERITY" Single,
    InboundDataError "INBOUND_DATA_ERROR" Single,
    Ip "IP" Collection,
    MatchedVar "MATCHED_VAR" Single,
    MatchedVarName "MATCHED_VAR_NAME" Single,
    MatchedVars "MATCHED_VARS" Collection,
    MatchedVarsNames "MATCHED_VARS_NAMES" Collection,
    MultipartBoundaryQuoted "MULTIPART_BOUNDARY_QUOTED" Single,
    MultipartBoundaryWhitespace "MULTIPART_BOUNDARY_WHITESPACE" Single,
    MultipartCrlfLfLines "MULTIPART_CRLF_LF_LINES" Single,
    MultipartDataAfter "MULTIPART_DATA_AFTER" Single,
    MultipartDataBefore "MULTIPART_DATA_BEFORE" Single,
    MultipartFileLimitExceeded "MULTIPART_FILE_LIMIT_EXCEEDED" Single,
    MultipartFilename "MULTIPART_FILENAME" Collection,
    MultipartHeaderFolding "MULTIPART_HEADER_FOLDING" Single,
    MultipartInvalidHeaderFolding "MULTIPART_INVALID_HEADER_FOLDING" Single,
    MultipartInvalidPart "MULTIPART_INVALID_PART" Single,
    MultipartInvalidQuoting "MULTIPART_INVALID_QUOTING" Single,
    MultipartLfLine "MULTIPART_LF_LINE" Single,
    MultipartMissingSemicolon "MULTIPART_MISSING_SEMICOLON" Single,
    MultipartName "MULTIPART_NAME" Collection,
    MultipartPartHeaders "MULTIPART_PART_HEADERS" Collection,
    MultipartStrictError "MULTIPART_STRICT_ERROR" Single,
    MultipartUnmatchedBoundary "MULTIPART_UNMATCHED_BOUNDARY" Single,
    OutboundDataError "OUTBOUND_DATA_ERROR" Single,
    PathInfo "PATH_INFO" Single,
    QueryString "QUERY_STRING" Single,
    RemoteAddr "REMOTE_ADDR" Single,
    RemotePort "REMOTE_PORT" Single,
    ReqbodyError "REQBODY_ERROR" Single,
    ReqbodyErrorMsg "REQBODY_ERROR_MSG" Single,
    ReqbodyProcessor "REQBODY_PROCESSOR" Single,
    ReqbodyProcessorError "REQBODY_PROCESSOR_ERROR" Single,
    ReqbodyProcessorErrorMsg "REQBODY_PROCESSOR_ERROR_MSG" Single,
    RequestBasename "REQUEST_BASENAME" Single,
    RequestBody "REQUEST_BODY" Single,
    RequestBodyLength "REQUEST_BODY_LENGTH" Single,
    RequestCookies "REQUEST_COOKIES" Collection,
    RequestCookiesNames "REQUEST_COOKIES_NAMES" Collection,
    RequestFilename "REQUEST_FILENAME" Single,
    RequestHeaders "REQUEST_HEADERS" Collection,
    RequestHeadersNames "REQUEST_HEADERS_NAMES" Collection,
    RequestLine "REQUEST_LINE" Single,
    RequestMethod "REQUEST_METHOD" Single,
    RequestProtocol "REQUEST_PROTOCOL" Single,
    RequestUri "REQUEST_URI" Single,
    RequestUriRaw "REQUEST_URI_RAW" Single,
    Resource "RESOURCE" Collection,
    ResponseBody "RESPONSE_BODY" Single,
    ResponseContentLength "RESPONSE_CONTENT_LENGTH" Single,
    ResponseContentType "RESPONSE_CONTENT_TYPE" Single,
    ResponseHeaders "RESPONSE_HEADERS" Collection,
    ResponseHeadersNames "RESPONSE_HEADERS_NAMES" Collection,
    ResponseProtocol "RESPONSE_PROTOCOL" Single,
    ResponseStatus "RESPONSE_STATUS" Single,
    Rule "RULE" Collection,
    ServerAddr "SERVER_ADDR" Single,
    ServerName "SERVER_NAME" Single,
    ServerPort "SERVER_PORT" Single,
    Session "SESSION" Collection,
    StatusLine "STATUS_LINE" Single,
    TimeEpoch "TIME_EPOCH" Single,
    Tx "TX" Collection,
    UniqueId "UNIQUE_ID" Single,
    UrlencodedError "URLENCODED_ERROR" Single,
    User "USER" Collection,
    Xml "XML" Collection,
}

impl Variable {
    /// How many there are.
    pub(crate) const COUNT: usize = ALL.len();

    /// The variable of that name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, text, _)| text.eq_ignore_ascii_case(name)).map(|(v, ..)| *v)
    }

    /// The name in rules.
    pub fn name(self) -> &'static str {
        ALL[self as usize].1
    }

    pub(crate) fn kind(self) -> Kind {
        ALL[self as usize].2
    }

    /// Whether rules themselves change it, so that its values cannot be kept.
    pub(crate) fn is_volatile(self) -> bool {
        use Variable::*;
        matches!(
            self,
            Tx | Ip
                | Global
                | Session
                | User
                | Resource
                | Rule
                | MatchedVar
                | MatchedVarName
                | MatchedVars
                | MatchedVarsNames
                | HighestSeverity
                | Duration
                | ReqbodyProcessor
        )
    }

    /// Whether it is kept from one transaction to the next, by `initcol`.
    pub(crate) fn is_kept(self) -> bool {
        use Variable::*;
        matches!(self, Ip | Global | Session | User | Resource)
    }
}

/// Which of a collection's values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Selector {
    /// All of them.
    All,
    /// Those of this key, in any case. In lower case here.
    Key(Vec<u8>),
    /// Those whose key matches this regular expression, in any case.
    Pattern(String),
}

/// How a target takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Its values are looked at.
    Values,
    /// `&`: the number of values is.
    Count,
    /// `!`: its values are not.
    Except,
}

/// A part of a rule's list of variables.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// The variable.
    pub(crate) variable: Variable,
    /// Which of its values.
    pub(crate) selector: Selector,
    /// How it takes part.
    pub(crate) mode: Mode,
}

/// Parses `ARGS|!ARGS:a|&TX:b|REQUEST_COOKIES:/^x/`. In lists of exclusions a
/// comma separates, too.
pub(crate) fn targets(text: &str, comma: bool) -> Result<Vec<Target>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    loop {
        let (target, after) = target(rest, comma)?;
        found.push(target);
        if after.is_empty() {
            return Ok(found);
        }
        rest = after[1..].trim_start();
    }
}

fn target(text: &str, comma: bool) -> Result<(Target, &str), String> {
    let separator = |c: char| c == '|' || (comma && c == ',');
    let (mode, text) = match text.as_bytes().first() {
        Some(b'&') => (Mode::Count, &text[1..]),
        Some(b'!') => (Mode::Except, &text[1..]),
        _ => (Mode::Values, text),
    };
    let end = text.find(|c: char| c == ':' || separator(c)).unwrap_or(text.len());
    let name = text[..end].trim();
    let variable = Variable::named(name).ok_or_else(|| unknown(name))?;
    let after = &text[end..];
    let Some(selected) = after.strip_prefix(':') else {
        return Ok((Target { variable, selector: Selector::All, mode }, after));
    };
    if variable.kind() == Kind::Single {
        return Err(format!("`{name}` has one value and takes no selector"));
    }
    let (selector, after) = selector(variable, selected, separator)?;
    Ok((Target { variable, selector, mode }, after))
}

fn selector(
    variable: Variable,
    text: &str,
    separator: impl Fn(char) -> bool,
) -> Result<(Selector, &str), String> {
    let quote = text.starts_with('\'');
    let inner = &text[usize::from(quote)..];
    if variable != Variable::Xml && inner.starts_with('/') {
        let mut escaped = false;
        for (at, c) in inner.char_indices().skip(1) {
            match c {
                '/' if !escaped => {
                    let pattern = inner[1..at].replace("\\/", "/");
                    let after = &inner[at + 1..];
                    let after = if quote { after.strip_prefix('\'') } else { Some(after) };
                    let after = after.filter(|a| a.is_empty() || a.starts_with(&separator));
                    let wrong = || format!("what follows the selector `/{pattern}/`?");
                    return Ok((Selector::Pattern(pattern.clone()), after.ok_or_else(wrong)?));
                }
                _ => escaped = c == '\\' && !escaped,
            }
        }
        return Err(format!("the selector `{text}` is not closed by `/`"));
    }
    let (key, after) = if quote {
        let end = inner.find('\'').ok_or("a selector's ' is not closed")?;
        (&inner[..end], &inner[end + 1..])
    } else {
        let end = inner.find(&separator).unwrap_or(inner.len());
        (&inner[..end], &inner[end..])
    };
    if key.is_empty() {
        return Err("a selector is missing after `:`".to_owned());
    }
    if variable == Variable::Xml && !matches!(key, "/*" | "//@*") {
        return Err(format!("of XPath only `/*` and `//@*` are supported, not `{key}`"));
    }
    Ok((Selector::Key(lower(key.trim().as_bytes())), after))
}

fn unknown(name: &str) -> String {
    let known_elsewhere = [
        "ENV",
        "GEO",
        "FULL_REQUEST",
        "MODSEC_BUILD",
        "PERF_ALL",
        "REMOTE_HOST",
        "REMOTE_USER",
        "SCRIPT_FILENAME",
        "SCRIPT_BASENAME",
        "SDBM_DELETE_ERROR",
        "SESSIONID",
        "USERID",
        "STREAM_INPUT_BODY",
        "STREAM_OUTPUT_BODY",
        "USERAGENT_IP",
        "WEBAPPID",
        "FILES_TMPNAMES",
        "WEBSERVER_ERROR_LOG",
        "TIME",
        "TIME_DAY",
        "TIME_HOUR",
        "TIME_MIN",
        "TIME_MON",
        "TIME_SEC",
        "TIME_WDAY",
        "TIME_YEAR",
    ];
    if known_elsewhere.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        format!("the variable `{name}` is not supported")
    } else {
        format!("there is no variable `{name}`")
    }
}
