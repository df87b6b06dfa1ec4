"""Answers by every hook and capability; which one, the request's `x-case` says."""

import json
from contextlib import suppress
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import balance, complete, request, request_body, response, response_body
from wit_world.exports.lifecycle import Subscription
from wit_world.imports import annotate, body, connection, counter, crypto, exchange, http, kv
from wit_world.imports import log, matcher, metrics, rate_limit, secrets, types

BODY_MODE = types.BodyMode_Whole(65536)

COUNTERS = {"counted": "completed", "ticked": "ticks", "attempted": "attempts"}

HTTP_ERRORS: dict[type[http.HttpError], str] = {
    http.HttpError_Denied: "denied",
    http.HttpError_Illegal: "illegal",
    http.HttpError_Timeout: "timeout",
    http.HttpError_TooLarge: "too-large",
    http.HttpError_Unreachable: "unreachable",
    http.HttpError_Busy: "busy",
}


@dataclass
class Setup:
    """What `configure` leaves for the hooks; the numbers are the instance's own."""

    url: str
    words: int
    loopback: int
    cases: int
    limit: int


setup: Setup


def text(octets: bytes | None) -> str:
    return "-" if octets is None else octets.decode(errors="replace")


def values(asked: bytes | None) -> list[bytes | None]:
    """The fields that came with a call, in the order of the subscription; see `asked-values`."""
    found: list[bytes | None] = []
    rest = asked or b""
    while rest:
        length, rest = int.from_bytes(rest[:4], "little"), rest[4:]
        if length == 0xFFFFFFFF:
            found.append(None)
            continue
        found.append(rest[:length])
        rest = rest[length:]
    return found


def flag(value: bool) -> str:
    return "true" if value else "false"


def asked_case() -> str:
    return text(exchange.request_header("x-case"))


def set_field(name: str, value: str) -> types.FieldEdit:
    return types.FieldEdit_Set(types.Field(name, value.encode()))


class Lifecycle(exports.Lifecycle):
    def configure(self, config: str) -> Subscription:
        global setup
        try:
            url = json.loads(config).get("url", "")
        except (AttributeError, ValueError) as error:
            raise Err(f"the configuration is not a JSON object: {error}") from error
        options = matcher.RegexOptions(False, False, False, False)
        gcra = rate_limit.Gcra(rate=1, period_ms=3_600_000, burst=1)
        try:
            setup = Setup(
                url=url,
                words=matcher.regex_set(["b+", "z"], options),
                loopback=matcher.cidr_set(["127.0.0.0/8"]),
                cases=metrics.counter("conform_cases", "Cases", ["case"]),
                limit=rate_limit.define("conform", rate_limit.Algorithm_Gcra(gcra)),
            )
        except Err as error:
            # The operator is to get a text, whichever interface it was.
            raise Err(str(error.value)) from error
        return Subscription(request_headers=["x-case"], response_headers=["x-origin"])


def kv_result() -> str:
    def stored() -> str:
        entry = kv.get("key")
        return "none" if entry is None else text(entry.value)

    def swapped(value: bytes) -> str:
        return flag(kv.compare_and_set("key", version, value, None) is not None)

    version = kv.set("key", b"one", None)
    # The second swap comes with a version that the first has made stale.
    results = [stored(), swapped(b"two"), swapped(b"three"), stored()]
    return " ".join([*results, flag(kv.delete("key")), stored()])


def result(case: str) -> str | None:
    """The text for a case that has one."""
    match case:
        case "request":
            return "request"
        case "exchange":
            field = text(exchange.request_header("x-other"))
            return f"{exchange.method()} {exchange.target()} {field}"
        case "values":
            with suppress(Err):
                exchange.set_value("kept", b"kept", exchange.Visibility.OWN)
                return "set"
            return "refused"
        case "connection":
            return connection.client_address() or "-"
        case "body":
            return flag(body.request_has_body())
        case "annotate":
            annotate.annotate("case", "annotated")
            return "ok"
        case "log":
            log.log(log.Level.INFO, "a line of the guest")
            return "ok"
        case "crypto":
            return crypto.digest(crypto.Hash.SHA256, b"abc")[:4].hex()
        case "kv":
            return kv_result()
        case "counter":
            counter.add("sum", 2)
            total = counter.add("sum", 3)
            return f"{total} {counter.reset('sum')} {counter.get('sum')}"
        case "counted" | "ticked" | "attempted":
            return "some" if counter.get(COUNTERS[case]) > 0 else "none"
        case "endpoints":
            return str(counter.get("endpoints"))
        case "rate-limit":
            verdicts = [rate_limit.check(setup.limit, b"key", 1) for _ in range(2)]
            return " ".join(flag(verdict.allowed) for verdict in verdicts)
        case "http":
            try:
                answer = http.send(http.Request("GET", setup.url, [], b"", timeout_ms=None))
            except Err as error:
                return f"error {HTTP_ERRORS[type(error.value)]}"
            return f"{answer.status} {text(answer.body)}"
        case "matcher":
            members = matcher.matches(setup.words, matcher.Subject_Octets(b"abba"))
            local = matcher.is_match(setup.loopback, matcher.Subject_ClientAddress())
            other = matcher.is_match(setup.words, matcher.Subject_RequestHeader("x-other"))
            return f"{','.join(map(str, members))} {flag(local)} {flag(other)}"
        case "metrics":
            with suppress(Err):
                metrics.add(setup.cases, ["metrics"], 1.0)
                return "ok"
            return "error"
        case "secrets":
            token, unknown = secrets.find("token"), secrets.find("none")
            if token is None:
                return "none"
            # An instance may hold few handles: this one is given back with the block.
            with token:
                known = f"{text(token.reveal())} {flag(token.equals(b'sesame'))}"
            return f"{known} {'none' if unknown is None else 'some'}"
        case _:
            return None


class Request(exports.Request):
    def on_request(self, asked: bytes | None) -> request.Decision:
        case = text(values(asked)[0])
        if case == "respond":
            headers = [types.Field("content-type", b"text/plain")]
            return request.Decision_Respond(types.Response(418, headers, b"short and stout\n"))
        if case == "fail":
            return request.Decision_Fail("as asked")
        answer = result(case)
        if answer is None:
            return request.Decision_Continue()
        edits = types.RequestEdits([], [set_field("x-result", answer)], None, None, None)
        if case == "request":
            edits.request_headers = [set_field("x-seen", "request")]
            edits.target = "/changed"
        return request.Decision_Edit(edits)


class RequestBody(exports.RequestBody):
    def mode(self) -> types.BodyMode:
        return BODY_MODE

    def on_request_body(self, octets: bytes, part: types.BodyPart) -> request_body.Decision:
        if asked_case() == "request-body":
            return request_body.Decision_Forward(octets.upper())
        return request_body.Decision_Continue()


class Response(exports.Response):
    def on_response(self, status: int, asked: bytes | None) -> response.Decision:
        match asked_case():
            case "response":
                header = set_field("x-result", f"{status} {text(values(asked)[0])}")
            case "values":
                header = set_field("x-kept", text(exchange.value("kept")))
            case _:
                return response.Decision_Continue()
        return response.Decision_Edit(types.ResponseEdits(status=None, headers=[header]))


class ResponseBody(exports.ResponseBody):
    def mode(self) -> types.BodyMode:
        return BODY_MODE

    def on_response_body(self, octets: bytes, part: types.BodyPart) -> response_body.Decision:
        if asked_case() == "response-body":
            return response_body.Decision_Forward(octets + b"!")
        return response_body.Decision_Continue()


class Complete(exports.Complete):
    def on_complete(self, outcome: complete.Outcome) -> None:
        if outcome.status == 200:
            counter.add("completed", 1)


class Balance(exports.Balance):
    def asked(self) -> list[str]:
        return ["x-endpoint"]

    def on_endpoints(self, cluster: str, endpoints: list[balance.Endpoint]) -> None:
        counter.reset("endpoints")
        counter.add("endpoints", len(endpoints))

    def pick(
        self, asked: bytes | None, key: int | None, loads: list[balance.Load]
    ) -> int | None:
        if values(asked)[0] == b"1" and len(loads) >= 2:
            return loads[1].id
        return loads[0].id if loads else None

    def on_attempt(self, attempt: balance.Attempt) -> None:
        counter.add("attempts", 1)


class Tick(exports.Tick):
    def interval(self) -> int:
        return 50

    def on_tick(self) -> None:
        counter.add("ticks", 1)
