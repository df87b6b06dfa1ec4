package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"wasmgate/annotate"
	"wasmgate/body"
	"wasmgate/connection"
	"wasmgate/counter"
	"wasmgate/crypto"
	"wasmgate/exchange"
	"wasmgate/http"
	"wasmgate/kv"
	"wasmgate/log"
	"wasmgate/matcher"
	"wasmgate/metrics"
	"wasmgate/rate_limit"
	"wasmgate/request"
	"wasmgate/secrets"
	"wasmgate/types"
	"wasmgate/wit"
)

// Conform is the configuration, and the numbers of what the host made for it.
type Conform struct {
	URL string `json:"url"`

	patterns, networks, metric, limit uint32
}

// NewConform reads the configuration and has the host make what the cases use.
func NewConform(config string) (Conform, error) {
	var c Conform
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return c, fmt.Errorf("the JSON of the configuration is not valid: %w", err)
	}
	patterns := matcher.RegexSet([]string{"b+", "z"}, matcher.RegexOptions{})
	networks := matcher.CidrSet([]string{"127.0.0.0/8"})
	metric := metrics.Counter("conform_cases", "Cases", []string{"case"})
	limit := rate_limit.Define("conform", rate_limit.MakeAlgorithmGcra(
		rate_limit.Gcra{Rate: 1, PeriodMs: 3600000, Burst: 1}))
	switch {
	case patterns.IsErr():
		return c, errors.New(patterns.Err())
	case networks.IsErr():
		return c, errors.New(networks.Err())
	case metric.IsErr():
		return c, errors.New("the host makes no metric")
	case limit.IsErr():
		return c, errors.New("the host makes no rate limit")
	}
	c.patterns, c.networks, c.metric, c.limit = patterns.Ok(), networks.Ok(), metric.Ok(), limit.Ok()
	return c, nil
}

// Decide plays a case of the request hook.
func (c Conform) Decide(name string) request.Decision {
	switch name {
	case "request":
		return request.MakeDecisionEdit(types.RequestEdits{
			RequestHeaders:  []types.FieldEdit{set("x-seen", "request")},
			ResponseHeaders: []types.FieldEdit{set("x-result", "request")},
			Target:          wit.Some("/changed"),
		})
	case "respond":
		return request.MakeDecisionRespond(types.Response{
			Status:  418,
			Headers: []types.Field{{Name: "content-type", Value: []byte("text/plain")}},
			Body:    []byte("short and stout\n"),
		})
	case "fail":
		return request.MakeDecisionFail("as asked")
	}
	result := c.result(name)
	if result == "" {
		return request.MakeDecisionContinue()
	}
	return request.MakeDecisionEdit(types.RequestEdits{
		ResponseHeaders: []types.FieldEdit{set("x-result", result)},
	})
}

// The text of a case that does no more than call the host; none if it is no such case.
func (c Conform) result(name string) string {
	switch name {
	case "exchange":
		return join(exchange.Method(), exchange.Target(), text(exchange.RequestHeader("x-other")))
	case "values":
		return either(exchange.SetValue("kept", []byte("kept"), exchange.VisibilityOwn).IsOk(), "set", "refused")
	case "connection":
		return connection.ClientAddress().SomeOr("-")
	case "body":
		return join(body.RequestHasBody())
	case "annotate":
		return either(annotate.Annotate("case", "annotated").IsOk(), "ok", "error")
	case "log":
		log.Log(log.LevelInfo, "a line of the guest")
		return "ok"
	case "crypto":
		return hex.EncodeToString(crypto.Digest(crypto.HashSha256, []byte("abc"))[:4])
	case "kv":
		return store()
	case "counter":
		counter.Add("sum", 2)
		return join(counter.Add("sum", 3).Ok(), counter.Reset("sum"), counter.Get("sum"))
	case "counted":
		return counted("completed")
	case "ticked":
		return counted("ticks")
	case "attempted":
		return counted("attempts")
	case "endpoints":
		return join(counter.Get("endpoints"))
	case "rate-limit":
		first := rate_limit.Check(c.limit, []byte("key"), 1).Ok()
		second := rate_limit.Check(c.limit, []byte("key"), 1).Ok()
		return join(first.Allowed, second.Allowed)
	case "http":
		return c.fetch()
	case "matcher":
		return c.match()
	case "metrics":
		return either(metrics.Add(c.metric, []string{"metrics"}, 1).IsOk(), "ok", "error")
	case "secrets":
		return reveal()
	default:
		return ""
	}
}

func store() string {
	forever := wit.None[uint64]()
	version := wit.Some(kv.Set("key", []byte("one"), forever).Ok())
	first := stored()
	swapped := kv.CompareAndSet("key", version, []byte("two"), forever).Ok().IsSome()
	again := kv.CompareAndSet("key", version, []byte("three"), forever).Ok().IsSome()
	second := stored()
	deleted := kv.Delete("key")
	return join(first, swapped, again, second, deleted, stored())
}

func stored() string {
	entry := kv.Get("key")
	if entry.IsNone() {
		return "none"
	}
	return string(entry.Some().Value)
}

func counted(name string) string {
	return either(counter.Get(name) > 0, "some", "none")
}

func (c Conform) fetch() string {
	answer := http.Send(http.Request{Method: "GET", Url: c.URL})
	if answer.IsErr() {
		return join("error", httpErrors[answer.Err().Tag()])
	}
	return join(answer.Ok().Status, string(answer.Ok().Body))
}

// By tag: the order is the contract's.
var httpErrors = [...]string{"denied", "illegal", "timeout", "too-large", "unreachable", "busy"}

func (c Conform) match() string {
	var members []string
	for _, member := range matcher.Matches(c.patterns, matcher.MakeSubjectOctets([]byte("abba"))) {
		members = append(members, strconv.Itoa(int(member)))
	}
	return join(
		strings.Join(members, ","),
		matcher.IsMatch(c.networks, matcher.MakeSubjectClientAddress()),
		matcher.IsMatch(c.patterns, matcher.MakeSubjectRequestHeader("x-other")),
	)
}

func reveal() string {
	none := either(secrets.Find("none").IsNone(), "none", "some")
	found := secrets.Find("token")
	if found.IsNone() {
		return join("-", false, none)
	}
	token := found.Some()
	// An instance may hold few handles: the collector would be late.
	defer token.Drop()
	return join(string(token.Reveal()), token.Equals([]byte("sesame")), none)
}

func set(name, value string) types.FieldEdit {
	return types.MakeFieldEditSet(types.Field{Name: name, Value: []byte(value)})
}

func text(octets wit.Option[[]byte]) string {
	return string(octets.SomeOr([]byte("-")))
}

func either(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// The values as text, with spaces between.
func join(values ...any) string {
	return strings.TrimSuffix(fmt.Sprintln(values...), "\n")
}

func main() {}
