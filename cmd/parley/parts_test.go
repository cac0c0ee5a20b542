package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestAGT6_WhoIsNotThereTakesPartNoMore: the parts of an agent in conversations
// of others end when he signs out, is gone past the grace or is disabled; that of
// others, and what the primary has, stays.
func TestAGT6_WhoIsNotThereTakesPartNoMore(t *testing.T) {
	long(t)
	t.Parallel()
	h := team(t, serveHere(t, folder(t)))
	ben, sue := h.as("agent", "ben"), h.as("supervisor", "sue")
	var dia, eli client
	for id, who := range map[string]*client{"dia": &dia, "eli": &eli} {
		h.admin.must(http.StatusOK, "PUT", "/v1/agents/"+id, fields{"name": id})
		*who = h.as("agent", id)
		who.must(http.StatusOK, "PUT", "/v1/agents/"+id+"/presence", fields{"presence": "available"})
	}
	h.admin.must(http.StatusOK, "PUT", "/v1/settings", fields{"graceSeconds": 10})
	c := h.ask("Hello?")
	h.engage(t, c)
	path := "/v1/conversations/" + c
	join := func(who client, id, as string) string {
		part := h.ana.must(http.StatusOK, "POST", path+"/participants", fields{"agent": id, "as": as}).text("participant")
		who.must(http.StatusOK, "POST", path+"/participants/"+part+"/accept", nil)
		return part
	}
	consults, joined, advises := join(ben, "ben", "consult"), join(dia, "dia", "joined"), join(eli, "eli", "consult")
	h.listens(t, eli, "eli")()
	sue.must(http.StatusOK, "POST", path+"/monitor", nil)
	is := func(part string) bool {
		return strings.Contains(h.look(h.admin, path+"/participants").raw, part)
	}
	if !is(consults) || !is(joined) {
		t.Fatal("they do not take part")
	}
	ben.must(http.StatusOK, "POST", "/v1/agents/ben/sign-out", nil)
	eventually(t, "who signed out consults no more", func() bool { return !is(consults) })
	if !is(joined) {
		t.Error("another's part ended as well")
	}
	eventually(t, "who is gone past the grace consults no more", func() bool { return !is(advises) })
	if !is(joined) {
		t.Error("another's part ended as well")
	}
	h.admin.must(http.StatusOK, "POST", "/v1/agents/dia/disable", nil)
	eventually(t, "who is disabled has joined no more", func() bool { return !is(joined) })
	now := h.look(h.admin, path)
	now.want("subState", "engaged")
	now.want("agent", "ana")
	if all := h.look(h.admin, path+"/participants"); !strings.Contains(all.raw, "sue") {
		t.Errorf("the supervisor looks on no more: %s", all.raw)
	}
	told := h.look(h.admin, path+"/history").raw
	for _, why := range []string{"signed_out", "agent_gone", "agent_disabled"} {
		if !strings.Contains(told, why) && !strings.Contains(told, strings.ReplaceAll(why, "_", " ")) {
			t.Errorf("the history does not say %s: %s", why, told)
		}
	}
	h.stop()
	parley(t, "check", "--data", h.data).ok(t)
}
