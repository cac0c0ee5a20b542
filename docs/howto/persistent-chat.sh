#!/usr/bin/env bash
# A persistent chat over two visits: one conversation, many sessions, and a
# history that both sides see until the agent ends it. Every answer is checked;
# ids such as PER-7 name the rule that is shown.
#
#   docs/howto/persistent-chat.sh                      # with a server of its own
#   PARLEY=./parley docs/howto/persistent-chat.sh      # the same with a built binary
#   PARLEY_URL=… PARLEY_ADMIN_TOKEN=… docs/howto/persistent-chat.sh
set -euo pipefail
. "$(dirname "$0")/client.sh"
serve_parley

run=$(date +%s)-$$ # names of this run, so that any server can be used again
queue=care-$run workstream=account-$run widget=account-$run ana=ana-$run ben=ben-$run dora=dora-$run

# --- The shop's own sign-in ---------------------------------------------------

# SUM-10: the shop signs a token for each customer who is signed in there; Parley
# gets the public key only.
openssl genpkey -algorithm ed25519 -out "$work/shop.key" 2>/dev/null
public=$(openssl pkey -in "$work/shop.key" -pubout)

# base64url: what comes in, as tokens write it.
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# customer_token CONTACT SECONDS: a token of the shop that lasts so long.
customer_token() {
  local head claims
  head=$(printf '{"alg":"EdDSA","typ":"JWT","kid":"shop-1"}' | base64url)
  claims=$(printf '{"sub":"%s","exp":%d}' "$1" "$(($(date +%s) + $2))" | base64url)
  printf '%s.%s' "$head" "$claims" >"$work/signed"
  printf '%s.%s.%s' "$head" "$claims" "$(openssl pkeyutl -sign -inkey "$work/shop.key" -rawin -in "$work/signed" | base64url)"
}

# --- An administrator sets it up ----------------------------------------------

as admin PUT "/v1/queues/$queue" 200 '{"name": "Customer care"}'

# settings KEYS KEEP: a persistent workstream's setup.
settings() {
  jq -n --arg q "$queue" --argjson keys "$1" --argjson keep "$2" \
    '{channel: "chat", mode: "persistent", settings: {name: "Account chat", queue: $q, keys: $keys, keepSameAgent: $keep}}'
}
keys=$(jq -n --arg pem "$public" '[{kid: "shop-1", alg: "EdDSA", pem: $pem}]')

# PER-9: it needs the keys and keep-same-agent; what is missing is named.
as admin PUT "/v1/workstreams/$workstream" 422 "$(settings '[]' true)"
shows '.code == "persistent_needs_settings" and .rule == "PER-9" and (.field | endswith("keys"))'
as admin PUT "/v1/workstreams/$workstream" 422 "$(settings "$keys" false)"
shows '.code == "persistent_needs_settings" and (.field | endswith("keepSameAgent"))'
as admin PUT "/v1/workstreams/$workstream" 200 "$(settings "$keys" true)"
shows '.mode == "persistent" and .settings.keepSameAgent'
as admin PUT "/v1/workstreams/$workstream" 422 "$(settings '[]' true)"

as admin PUT "/v1/widgets/$widget" 200 "{\"workstream\": \"$workstream\"}"
for who in ana ben; do
  as admin PUT "/v1/agents/${!who}" 200 "{\"name\": \"$who\"}"
  as admin PUT "/v1/queues/$queue/members/${!who}" 200
done
as admin PUT "/v1/contacts/$dora" 200 '{"name": "Dora Lind", "email": "dora@example.org"}'
token_ana=$(token_for agent "$ana")
token_ben=$(token_for agent "$ben")
token_auditor=$(token_for auditor "auditor-$run")
as ana PUT "/v1/agents/$ana/presence" 200 '{"presence": "available"}'

# --- The first visit -------------------------------------------------------------

as nobody POST "/v1/widgets/$widget/visitors" 201 '{"device": {"browser": "Safari", "language": "sv"}}'
visitor=$(take .visitor) token_customer=$(take .token)

# PER-9: without the shop's token nobody starts; neither with one that has run out.
as customer POST /v1/conversations 403 "{\"widget\": \"$widget\"}"
shows '.code == "persistent_needs_auth"'
as customer POST /v1/conversations 403 "{\"widget\": \"$widget\", \"customerToken\": \"$(customer_token "$dora" -3600)\"}"
shows '.code == "customer_token_invalid"'

# SUM-10: with it the customer is known from the start.
as customer POST /v1/conversations 201 "{\"widget\": \"$widget\", \"customerToken\": \"$(customer_token "$dora" 600)\", \"text\": \"My invoice is wrong.\"}"
shows .created
conversation=$(take .conversation)
token_customer=$(take .token) # for this conversation, on this device

# NOT-2: the alert names the customer.
await ana "/v1/agents/$ana/notifications" '.notifications[0] | .conversation == $c and .standing and .comment != null' --arg c "$conversation"
shows '.notifications[0] | .customer == "Dora Lind" and .comment == "My invoice is wrong." and .scenario == "incoming_chat_authenticated"'
hold=$(take '.notifications[0].hold')
as ana POST "/v1/conversations/$conversation/offers/$hold/accept" 200
shows '.subState == "engaged"'
look ana "/v1/agents/$ana/capacity"
shows '.held == 30'
as ana POST "/v1/conversations/$conversation/messages" 201 '{"text": "Hello Dora, I am having it corrected."}'
as customer POST "/v1/conversations/$conversation/messages" 201 '{"text": "Thank you. I will come back tomorrow."}'

# PER-4: the customer cannot end a persistent chat; closing the widget changes nothing.
as customer POST "/v1/conversations/$conversation/leave" 409
shows '.code == "end_refused_persistent" and .rule == "PER-4"'

# SES-7: X asks whether the issue is resolved, and offers End.
as ana POST "/v1/sessions/$hold/close" 200 '{}'
shows '(.confirmed | not) and .state == "waiting" and .unitsFreed == 30 and .endOffered'

# PER-7: X moves it to waiting, and the units are free at once.
as ana POST "/v1/sessions/$hold/close" 200 '{"confirm": true}'
shows '.confirmed and .state == "waiting"'
look ana "/v1/agents/$ana/capacity"
shows '.held == 0 and .free == 100 and .sessions == 0'
look ana "/v1/agents/$ana/work-items/my"
shows '.items | any(.conversation == $c and .state == "waiting")' --arg c "$conversation"

# --- The second visit, on another device ---------------------------------------------

# Ben, who has had nothing yet, would now be first in the queue's order.
as ben PUT "/v1/agents/$ben/presence" 200 '{"presence": "available"}'

# PER-8: opening the widget finds the conversation, and changes no state.
as nobody POST "/v1/widgets/$widget/visitors" 201 '{"device": {"browser": "Chrome", "language": "sv"}}'
token_phone=$(take .token)
as phone POST /v1/conversations 200 "{\"widget\": \"$widget\", \"customerToken\": \"$(customer_token "$dora" 600)\"}"
shows '(.created | not) and .conversation == $c and .state == "waiting"' --arg c "$conversation"
token_phone=$(take .token)

# PER-6: the whole history is there, however long the customer was away.
look phone "/v1/conversations/$conversation/transcript"
shows '[.lines[].text] == ["My invoice is wrong.", "Hello Dora, I am having it corrected.", "Thank you. I will come back tomorrow."]'

# PER-8, RTE-4: the first message opens it, and Ana is asked before anybody else.
as phone POST "/v1/conversations/$conversation/messages" 201 '{"text": "Here I am again."}'
shows '(.created | not) and .conversation == $c and .state != "waiting"' --arg c "$conversation"
await ana "/v1/agents/$ana/notifications" '.notifications[0] | .conversation == $c and .standing' --arg c "$conversation"
shows '.notifications[0].scenario | test("returned")'
hold=$(take '.notifications[0].hold')
look admin "/v1/conversations/$conversation"
shows '.state == "active" and .subState == "offered" and .offer.agent == $a and .offer.hold == $h' --arg a "$ana" --arg h "$hold"
look ben "/v1/agents/$ben/notifications"
shows '.notifications == []'
as ana POST "/v1/conversations/$conversation/offers/$hold/accept" 200
shows '.subState == "engaged" and .agent == $a' --arg a "$ana"
look ana "/v1/conversations/$conversation/transcript"
shows '.lines | length == 4'
as ana POST "/v1/conversations/$conversation/messages" 201 '{"text": "The corrected invoice is in your mail."}'

# --- The end -------------------------------------------------------------------------

# PER-4, SES-7: only the agent ends it.
as ana POST "/v1/conversations/$conversation/end" 200
shows '.state == "wrap_up" and .reason == "agent_ended"'

# PER-6: from now on the customer does not see its history.
as phone GET "/v1/conversations/$conversation/transcript" 403
as customer GET "/v1/conversations/$conversation/transcript" 403

# CON-3: a start begins a new conversation, with a history of its own.
as nobody POST "/v1/widgets/$widget/visitors" 201
token_phone=$(take .token)
as phone POST /v1/conversations 201 "{\"widget\": \"$widget\", \"customerToken\": \"$(customer_token "$dora" 600)\", \"text\": \"One more question.\"}"
shows '.created and .conversation != $c' --arg c "$conversation"
next=$(take .conversation) token_phone=$(take .token)
look phone "/v1/conversations/$next/transcript"
shows '[.lines[].text] == ["One more question."]'

# SES-7: X in wrap-up closes.
as ana POST "/v1/sessions/$hold/close" 200 '{"confirm": true, "disposition": ["corrected"]}'
shows '.state == "closed"'

# AUD-1: the history tells both visits.
look auditor "/v1/conversations/$conversation/history"
shows '[.entries[].name] | contains(["conversation.parked", "conversation.queued", "conversation.ended", "conversation.closed"])'
shows '[.entries[].sentence] | any(test("came back"))'
take '.entries[] | "  \(.happenedAt[11:19])  \(.sentence)"'

# --- Erasure ---------------------------------------------------------------------------

look auditor "/v1/conversations/$conversation/transcript"
lines=$(take '.lines | length')
look admin "/v1/conversations/$conversation/summary"
messages=$(take .details.messages)
look admin "/v1/contacts/$dora/timeline"
entries=$(take '.entries | length')

# AUD-4: her text is unreadable everywhere for good, and what is counted stays true.
as admin POST "/v1/contacts/$dora/erase" 200
look auditor "/v1/conversations/$conversation/transcript"
shows '(.lines | length) == $n and all(.lines[]; .text == "[erased]")' --argjson n "$lines"
look admin "/v1/conversations/$conversation/summary"
shows '.details.messages == $n and .details.reason == "agent_ended" and .customer.erased' --argjson n "$messages"
look admin "/v1/contacts/$dora/timeline"
shows '(.entries | length) == $n' --argjson n "$entries"
look admin "/v1/contacts/$dora"
shows '.erased and ([.name, .email] | all(. == null or . == "[erased]"))'
look admin "/v1/conversations?queue=$queue"
shows '[.conversations[].conversation] == [$n] and .conversations[0].messages == 1 and .conversations[0].comment == "[erased]"' --arg n "$next"
look auditor "/v1/conversations/$conversation/history"
shows '([.entries[].sentence] | join(" ") | test("invoice") | not) and ([.entries[].name] | last) == "conversation.closed"'

# Nobody writes under a name that was erased.
as phone POST "/v1/conversations/$next/messages" 410 '{"text": "Hello?"}'
shows '.code == "erased"'
as phone POST /v1/conversations 410 "{\"widget\": \"$widget\", \"customerToken\": \"$(customer_token "$dora" 600)\"}"
shows '.code == "erased"'

echo "ok: a persistent chat over two visits, and the erasure of its customer"
