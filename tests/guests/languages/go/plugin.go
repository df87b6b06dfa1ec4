//go:build wasip1

// What the host calls: one variable for each hook that plugin.toml names.

package main

import (
	"encoding/binary"
	"fmt"

	"wasmgate/balance"
	"wasmgate/complete"
	"wasmgate/counter"
	"wasmgate/exchange"
	"wasmgate/lifecycle"
	"wasmgate/request"
	"wasmgate/request_body"
	"wasmgate/response"
	"wasmgate/response_body"
	"wasmgate/types"
	"wasmgate/wit"
)

// What Configure made; the other hooks only read it.
var conform Conform

var Lifecycle, Request, RequestBody, Response, ResponseBody, Complete, Balance, Tick hooks

type hooks struct{}

func (hooks) Configure(config string) wit.Result[lifecycle.Subscription, string] {
	var err error
	if conform, err = NewConform(config); err != nil {
		return wit.Err[lifecycle.Subscription](err.Error())
	}
	return wit.Ok[lifecycle.Subscription, string](lifecycle.Subscription{
		RequestHeaders:  []string{"x-case"},
		ResponseHeaders: []string{"x-origin"},
	})
}

// values are the fields that came with a call, in the order of the subscription; see
// asked-values.
func values(asked wit.Option[[]byte]) []wit.Option[[]byte] {
	const absent = 1<<32 - 1
	var all []wit.Option[[]byte]
	for rest := asked.SomeOr(nil); len(rest) > 0; {
		length := binary.LittleEndian.Uint32(rest)
		rest = rest[4:]
		if length == absent {
			all = append(all, wit.None[[]byte]())
			continue
		}
		all = append(all, wit.Some(rest[:length]))
		rest = rest[length:]
	}
	return all
}

func (hooks) OnRequest(asked wit.Option[[]byte]) request.Decision {
	return conform.Decide(text(values(asked)[0]))
}

// Mode is for the bodies of both requests and responses.
func (hooks) Mode() types.BodyMode {
	return types.MakeBodyModeWhole(65536)
}

func (hooks) OnRequestBody(octets []byte, _ types.BodyPart) request_body.Decision {
	if currentCase() != "request-body" {
		return request_body.MakeDecisionContinue()
	}
	// Octet by octet: bytes.ToUpper takes them for UTF-8, and mends what is not.
	upper := make([]byte, len(octets))
	for i, octet := range octets {
		if 'a' <= octet && octet <= 'z' {
			octet -= 'a' - 'A'
		}
		upper[i] = octet
	}
	return request_body.MakeDecisionForward(upper)
}

func (hooks) OnResponse(status uint16, asked wit.Option[[]byte]) response.Decision {
	var edit types.FieldEdit
	switch currentCase() {
	case "response":
		edit = set("x-result", fmt.Sprintf("%d %s", status, text(values(asked)[0])))
	case "values":
		edit = set("x-kept", text(exchange.Value("kept")))
	default:
		return response.MakeDecisionContinue()
	}
	return response.MakeDecisionEdit(types.ResponseEdits{Headers: []types.FieldEdit{edit}})
}

func (hooks) OnResponseBody(octets []byte, _ types.BodyPart) response_body.Decision {
	if currentCase() != "response-body" {
		return response_body.MakeDecisionContinue()
	}
	return response_body.MakeDecisionForward(append(octets, '!'))
}

func (hooks) OnComplete(outcome complete.Outcome) {
	if outcome.Status == 200 {
		counter.Add("completed", 1)
	}
}

func (hooks) Asked() []string {
	return []string{"x-endpoint"}
}

func (hooks) OnEndpoints(_ string, endpoints []balance.Endpoint) {
	counter.Reset("endpoints")
	counter.Add("endpoints", int64(len(endpoints)))
}

func (hooks) Pick(asked wit.Option[[]byte], _ wit.Option[uint64], loads []balance.Load) wit.Option[uint32] {
	switch {
	case len(loads) == 0:
		return wit.None[uint32]()
	case len(loads) > 1 && text(values(asked)[0]) == "1":
		return wit.Some(loads[1].Id)
	default:
		return wit.Some(loads[0].Id)
	}
}

func (hooks) OnAttempt(balance.Attempt) {
	counter.Add("attempts", 1)
}

func (hooks) Interval() uint32 {
	return 50
}

func (hooks) OnTick() {
	counter.Add("ticks", 1)
}

// The case of the exchange, for hooks that request fields do not come with.
func currentCase() string {
	return text(exchange.RequestHeader("x-case"))
}
