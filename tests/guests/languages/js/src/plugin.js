// The conformance guest, as `tests/guests/conform` is in Rust.

import { annotate } from "wasmgate:plugin/annotate@0.1.0";
import { requestHasBody } from "wasmgate:plugin/body@0.1.0";
import { clientAddress } from "wasmgate:plugin/connection@0.1.0";
import * as counter from "wasmgate:plugin/counter@0.1.0";
import { digest } from "wasmgate:plugin/crypto@0.1.0";
import * as exchange from "wasmgate:plugin/exchange@0.1.0";
import { send } from "wasmgate:plugin/http@0.1.0";
import * as kv from "wasmgate:plugin/kv@0.1.0";
import { log } from "wasmgate:plugin/log@0.1.0";
import * as matcher from "wasmgate:plugin/matcher@0.1.0";
import * as metrics from "wasmgate:plugin/metrics@0.1.0";
import * as rateLimit from "wasmgate:plugin/rate-limit@0.1.0";
import { find } from "wasmgate:plugin/secrets@0.1.0";

let url = "";
let words, loopback, limit, cases;

export const lifecycle = {
  configure(text) {
    url = JSON.parse(text).url ?? "";
    const options = { ignoreCase: false, dotAll: false, multiLine: false, unicode: false };
    words = matcher.regexSet(["b+", "z"], options);
    loopback = matcher.cidrSet(["127.0.0.0/8"]);
    const gcra = { rate: 1, periodMs: 3_600_000, burst: 1 };
    limit = rateLimit.define("conform", { tag: "gcra", val: gcra });
    cases = metrics.counter("conform_cases", "Cases", ["case"]);
    return { requestHeaders: ["x-case"], responseHeaders: ["x-origin"] };
  },
};

/** The fields that came with a call, in the order of the subscription; see `asked-values`. */
function values(asked) {
  const all = [];
  const view = new DataView(asked.buffer, asked.byteOffset, asked.byteLength);
  for (let at = 0; at < asked.length; ) {
    const length = view.getUint32(at, true);
    at += 4;
    const present = length !== 0xffff_ffff;
    all.push(present ? asked.subarray(at, at + length) : null);
    if (present) at += length;
  }
  return all;
}

/** What the cases that change nothing else come to. */
const results = {
  exchange: () =>
    `${exchange.method()} ${exchange.target()} ${text(exchange.requestHeader("x-other"))}`,
  values: () => attempt(() => exchange.setValue("kept", octets("kept"), "own"), "set", "refused"),
  connection: () => clientAddress() ?? "-",
  body: () => String(requestHasBody()),
  annotate: () => attempt(() => annotate("case", "annotated"), "ok", "refused"),
  log() {
    log("info", "a line of the guest");
    return "ok";
  },
  crypto: () => hex(digest("sha256", octets("abc")).subarray(0, 4)),
  kv() {
    const value = () => {
      const entry = kv.get("key");
      return entry == null ? "none" : text(entry.value);
    };
    const replace = (next) => kv.compareAndSet("key", version, octets(next), null) != null;
    const version = kv.set("key", octets("one"), null);
    return [value(), replace("two"), replace("three"), value(), kv.delete("key"), value()].join(" ");
  },
  counter() {
    counter.add("sum", 2);
    return [counter.add("sum", 3), counter.reset("sum"), counter.get("sum")].join(" ");
  },
  counted: () => some("completed"),
  ticked: () => some("ticks"),
  attempted: () => some("attempts"),
  endpoints: () => String(counter.get("endpoints")),
  "rate-limit": () => [1, 2].map(() => rateLimit.check(limit, octets("key"), 1).allowed).join(" "),
  http() {
    try {
      const request = { method: "GET", url, headers: [], body: new Uint8Array(), timeoutMs: null };
      const response = send(request);
      return `${response.status} ${text(response.body)}`;
    } catch (error) {
      return `error ${error.payload?.tag ?? error}`;
    }
  },
  matcher() {
    const found = matcher.matches(words, { tag: "octets", val: octets("abba") });
    const near = matcher.isMatch(loopback, { tag: "client-address" });
    const other = matcher.isMatch(words, { tag: "request-header", val: "x-other" });
    return `${Array.from(found).join(",")} ${near} ${other}`;
  },
  metrics: () => attempt(() => metrics.add(cases, ["metrics"], 1), "ok", "error"),
  secrets() {
    const secret = find("token");
    const other = find("none") == null ? "none" : "some";
    return `${text(secret.reveal())} ${secret.equals(octets("sesame"))} ${other}`;
  },
};

export const request = {
  onRequest(asked) {
    const name = text(values(asked)[0]);
    switch (name) {
      case "request":
        return edit("request", [set("x-seen", "request")], "/changed");
      case "respond": {
        const headers = [field("content-type", "text/plain")];
        return respond(418, headers, "short and stout\n");
      }
      case "fail":
        return { tag: "fail", val: "as asked" };
      default:
        return Object.hasOwn(results, name) ? edit(results[name]()) : proceed;
    }
  },
};

export const requestBody = {
  mode: () => ({ tag: "whole", val: 65_536 }),
  onRequestBody(piece) {
    if (!isCase("request-body")) return proceed;
    const upper = piece.map((octet) => (octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet));
    return { tag: "forward", val: upper };
  },
};

export const response = {
  onResponse(status, asked) {
    const [origin] = values(asked);
    if (isCase("response")) return mark("x-result", `${status} ${text(origin)}`);
    if (isCase("values")) return mark("x-kept", text(exchange.value("kept")));
    return proceed;
  },
};

export const responseBody = {
  mode: () => ({ tag: "whole", val: 65_536 }),
  onResponseBody(piece) {
    if (!isCase("response-body")) return proceed;
    return { tag: "forward", val: new Uint8Array([...piece, ...octets("!")]) };
  },
};

export const complete = {
  onComplete(outcome) {
    if (outcome.status === 200) counter.add("completed", 1);
  },
};

export const balance = {
  asked: () => ["x-endpoint"],
  onEndpoints(cluster, endpoints) {
    counter.reset("endpoints");
    counter.add("endpoints", endpoints.length);
  },
  pick(asked, key, loads) {
    const [endpoint] = values(asked);
    return (text(endpoint) === "1" ? (loads[1] ?? loads[0]) : loads[0])?.id;
  },
  onAttempt() {
    counter.add("attempts", 1);
  },
};

export const tick = {
  interval: () => 50,
  onTick() {
    counter.add("ticks", 1);
  },
};

const proceed = { tag: "continue" };

const octets = (text) => new TextEncoder().encode(text);
const text = (octets) => (octets == null ? "-" : new TextDecoder().decode(octets));
const hex = (octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
const some = (name) => (counter.get(name) > 0 ? "some" : "none");
const isCase = (name) => text(exchange.requestHeader("x-case")) === name;

function attempt(call, good, bad) {
  try {
    call();
    return good;
  } catch {
    return bad;
  }
}

const field = (name, value) => ({ name, value: octets(value) });
const set = (name, value) => ({ tag: "set", val: field(name, value) });

function edit(result, requestHeaders = [], target = null) {
  const responseHeaders = [set("x-result", result)];
  const destination = null;
  const val = { requestHeaders, responseHeaders, target, authority: null, destination };
  return { tag: "edit", val };
}

const respond = (status, headers, body) => ({
  tag: "respond",
  val: { status, headers, body: octets(body) },
});

const mark = (name, value) => ({ tag: "edit", val: { status: null, headers: [set(name, value)] } });
