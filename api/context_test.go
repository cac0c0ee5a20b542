package api_test

import (
	"strconv"
	"strings"
	"testing"
)

func TestCON9_NoContextVariableIsLostInSilence(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	all := make([]string, 100)
	for i := range all {
		all[i] = `{"name":"v` + strconv.Itoa(i) + `","value":"x"}`
	}
	const at = "POST /v1/conversations/${c}/context"
	h.run(
		step{As: "agent:anna", Do: at, Body: `{"variables":[` + strings.Join(all, ",") + `]}`, Status: 200},
		step{Name: "the hundred and first", As: "agent:anna", Do: at, Body: `{"variables":[{"name":"late","value":"x"}]}`, Status: 400, Contains: []string{`"field":"variables"`, `"rule":"CON-9"`}},
		step{Name: "a name too long", As: "agent:anna", Do: at, Body: `{"variables":[{"name":"` + strings.Repeat("x", 101) + `","value":"x"}]}`, Status: 400, Contains: []string{`"field":"variables.name"`}},
		step{Name: "another value", As: "visitor:v1", Do: at, Body: `{"variables":[{"name":"v7","value":"seven"}]}`, Status: 200},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/summary", Status: 200, Contains: []string{`"seven"`}, Lacks: []string{`"late"`}},
	)
}
