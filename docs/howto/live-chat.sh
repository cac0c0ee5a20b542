#!/usr/bin/env bash
# A live chat from the visitor's first page to the summary, as its clients hold
# it. Every answer is checked; ids such as PRO-5 name the rule that is shown.
#
#   docs/howto/live-chat.sh                            # with a server of its own
#   PARLEY=./parley docs/howto/live-chat.sh            # the same with a built binary
#   PARLEY_URL=… PARLEY_ADMIN_TOKEN=… docs/howto/live-chat.sh
set -euo pipefail
. "$(dirname "$0")/client.sh"
serve_parley

run=$(date +%s)-$$ # names of this run, so that any server can be used again
queue=sales-$run workstream=chat-$run widget=shop-$run ana=ana-$run ben=ben-$run clara=clara-$run

# --- An administrator sets the shop up -------------------------------------

# RTE-2: a queue; the lower number is served first.
as admin PUT "/v1/queues/$queue" 200 '{"name": "Sales", "number": 1}'

# AGT-1, NOT-3: a live chat costs 30 units, and is offered for 120 seconds.
as admin PUT "/v1/workstreams/$workstream" 200 "{\"channel\": \"chat\", \"mode\": \"live\", \"settings\": {\"name\": \"Shop chat\", \"queue\": \"$queue\"}}"
shows '.settings.units == 30 and .settings.countdown == 120'

# PRO-2: visitors of this widget may be invited.
as admin PUT "/v1/widgets/$widget" 200 "{\"workstream\": \"$workstream\", \"proactive\": true}"
shows .proactive

# AGT-1: two agents with 100 units each, members of the queue, each with a token.
as admin PUT "/v1/agents/$ana" 200 '{"name": "Ana", "units": 100}'
as admin PUT "/v1/agents/$ben" 200 '{"name": "Ben", "units": 100}'
as admin PUT "/v1/queues/$queue/members/$ana" 200
as admin PUT "/v1/queues/$queue/members/$ben" 200
shows '.members | sort == [$a, $b]' --arg a "$ana" --arg b "$ben"
token_ana=$(token_for agent "$ana")
token_ben=$(token_for agent "$ben")
token_auditor=$(token_for auditor "auditor-$run")

# API-3: Ana's screen listens; from now on she is connected.
follow ana "/v1/agents/$ana/feed" "$work/ana.feed"
as ana PUT "/v1/agents/$ana/presence" 200 '{"presence": "available"}'

# --- A visitor looks around -------------------------------------------------

# A browser arrives at the widget and gets the token it goes on with.
as nobody POST "/v1/widgets/$widget/visitors" 201 '{"device": {"browser": "Firefox 141", "system": "Linux", "language": "en", "location": "Lisbon"}}'
visitor=$(take .visitor) token_visitor=$(take .token)

# SUM-6, PRO-4: the journey: a page, a search, an article, an action of the page's own.
as visitor POST "/v1/visitors/$visitor/actions" 201 '{"type": "page_visited", "url": "https://shop.example/shoes", "title": "Shoes"}'
as visitor POST "/v1/visitors/$visitor/actions" 201 '{"type": "phrase_searched", "phrase": "runner 7 size 42"}'
as visitor POST "/v1/visitors/$visitor/actions" 201 '{"type": "article_viewed", "article": "kb-17", "title": "How our sizes run"}'
as visitor POST "/v1/visitors/$visitor/actions" 201 '{"type": "custom_action", "action": "Opened the size table"}'

# PRO-5: an invitation, for exactly 60 seconds, one at a time.
as admin POST "/v1/visitors/$visitor/invitations" 201 '{"message": "Can we help you with the size?", "rule": "size-doubt", "page": "https://shop.example/shoes", "onPage": 45}'
invitation=$(take .id)
look visitor "/v1/visitors/$visitor/invitation"
shows '.invitation.id == $i and .invitation.message == "Can we help you with the size?"' --arg i "$invitation"
as admin POST "/v1/visitors/$visitor/invitations" 409 '{"message": "Again?"}'

# PRO-6: accepting starts a conversation; API-1: with a key it can be repeated.
KEY="accept-$run" as visitor POST "/v1/visitors/$visitor/invitations/$invitation/accept" 201 '{"context": [{"name": "Basket", "value": "3 items", "displayable": true}]}'
shows .created
conversation=$(take .conversation)
first=$answer
KEY="accept-$run" as visitor POST "/v1/visitors/$visitor/invitations/$invitation/accept" 201 '{"context": [{"name": "Basket", "value": "3 items", "displayable": true}]}'
shows '.conversation == $f.conversation and .created == $f.created and .position == $f.position' --argjson f "$first"
as visitor POST "/v1/conversations/$conversation/messages" 201 '{"text": "Hello, does the Runner 7 run small?"}'
shows '.number == 1 and (.created | not)'

# API-3: whoever follows the conversation is told what happens from here on.
follow admin "/v1/conversations/$conversation/feed" "$work/conversation.feed"

# --- The alert ---------------------------------------------------------------

# NOT-1, NOT-2, NOT-4: Ana is shown who asks, what, and since when.
await ana "/v1/agents/$ana/notifications" '.notifications | any(.conversation == $c and .standing and .comment != null)' --arg c "$conversation"
answer=$(jq --arg c "$conversation" '.notifications[] | select(.conversation == $c and .standing)' <<<"$answer")
shows '.form == "alert" and .customer == "Visitor 1" and .comment == "Hello, does the Runner 7 run small?" and .queue == $q' --arg q "$queue"
shows '.scenario | test("proactive")'
shows '.waitingSince != null and .deadline != null and .displayed == null'
hold=$(take .hold)

# API-3: the live feed had told it.
hears "$work/ana.feed" notification.raised "$conversation"

# NOT-6: the ledger tells delivered from displayed; "never seen" is not "ignored".
as ana POST "/v1/agents/$ana/notifications/$hold/displayed" 200 '{"device": "desk-1"}'
look ana "/v1/agents/$ana/notifications"
shows '.notifications[] | select(.hold == $h) | .displayed != null' --arg h "$hold"

# SES-2: accepting; Ben is too late for it.
as ana POST "/v1/conversations/$conversation/offers/$hold/accept" 200
shows '.state == "active" and .subState == "engaged" and .agent == $a' --arg a "$ana"
as ben POST "/v1/conversations/$conversation/offers/$hold/accept" 409

# SES-1, SES-9: the session exists, with the visitor's number as its title.
look ana "/v1/agents/$ana/sessions"
shows '.sessions[0].pinned and .sessions[0].form == "home"'
shows '.sessions[] | select(.session == $h) | .form == "conversation" and .title == "Visitor 1" and .of == $c' --arg h "$hold" --arg c "$conversation"

# AGT-1: 30 of 100 units are held; AGT-4: partly used is busy.
look ana "/v1/agents/$ana/capacity"
shows '.units == 100 and .held == 30 and .free == 70 and .sessions == 1 and .connected and .presence == "busy"'
shows '.holds == [.holds[] | select(.conversation == $c and .units == 30)] and (.holds | length) == 1' --arg c "$conversation"

# SUM-6: only what was before the acceptance, the newest first.
as visitor POST "/v1/visitors/$visitor/actions" 201 '{"type": "page_visited", "url": "https://shop.example/returns", "title": "Returns"}'
look ana "/v1/conversations/$conversation/self-service"
shows '[.actions[].type] == ["custom_action", "article_viewed", "phrase_searched", "page_visited"]'
shows '[.actions[].at] | . == (sort | reverse)'
shows '.actions[2].text == "runner 7 size 42" and .actions[1].article == "kb-17"'

# --- They talk -----------------------------------------------------------------

# CON-2: messages both ways; the client's own id makes a resend the same message.
as ana POST "/v1/conversations/$conversation/messages" 201 '{"text": "Hi! It does, by half a size.", "clientMessageId": "a-1"}'
shows '.number == 2'
message=$(take .message)
as ana POST "/v1/conversations/$conversation/messages" 201 '{"text": "Hi! It does, by half a size.", "clientMessageId": "a-1"}'
shows '.message == $m and .number == null' --arg m "$message"
as visitor POST "/v1/conversations/$conversation/messages" 201 '{"text": "Then 42.5 it is. My name is Clara."}'
shows '.number == 3'

# API-1: a key names one command: the same body gets the same answer, another is refused.
KEY="note-$run" as ana POST "/v1/conversations/$conversation/notes" 201 '{"text": "Wants 42.5"}'
first=$answer
KEY="note-$run" as ana POST "/v1/conversations/$conversation/notes" 201 '{"text": "Wants 42.5"}'
shows '. == $f' --argjson f "$first"
KEY="note-$run" as ana POST "/v1/conversations/$conversation/notes" 422 '{"text": "Wants 43"}'
shows '.code == "idempotency_key_reused"'

# CON-2: receipts are watermarks; notes are never shown to the customer.
as visitor POST "/v1/conversations/$conversation/read" 200 '{"upTo": 2}'
as ana POST "/v1/conversations/$conversation/read" 200 '{"upTo": 3}'
look visitor "/v1/conversations/$conversation/transcript"
shows '[.lines[].side] == ["customer", "agent", "customer"] and all(.lines[]; .read)'
look ana "/v1/conversations/$conversation/transcript"
shows '[.lines[].side] | sort == ["agent", "customer", "customer", "note"]'

# API-5: another visitor sees nothing of it.
as nobody POST "/v1/widgets/$widget/visitors" 201
token_stranger=$(take .token)
as stranger GET "/v1/conversations/$conversation/transcript" 403

# CON-3: at most one conversation goes on: a second start is answered with it.
as visitor POST /v1/conversations 200 "{\"widget\": \"$widget\"}"
shows '(.created | not) and .conversation == $c' --arg c "$conversation"

# SUM-3, SES-9: a contact is created and linked, and the session's title changes.
as ana PUT "/v1/contacts/$clara" 200 '{"name": "Clara Dias", "email": "clara@example.org", "phones": ["+351211234567"], "location": "Lisbon"}'
as ana PUT "/v1/conversations/$conversation/contact" 200 "{\"contact\": \"$clara\"}"
shows '.contact == $c' --arg c "$clara"
look ana "/v1/agents/$ana/sessions"
shows '.sessions[] | select(.session == $h) | .title == "Clara Dias"' --arg h "$hold"

# --- X: back to the queue, and another agent ---------------------------------

# SES-7: X without confirm tells what would happen, and does nothing.
look ana "/v1/conversations/$conversation"
place=$(take .since)
as ana POST "/v1/sessions/$hold/close" 200 '{}'
shows '(.confirmed | not) and .state == "open" and .unitsFreed == 30 and .endOffered'
look ana "/v1/conversations/$conversation"
shows '.state == "active" and .subState == "engaged"'

# With confirm a live chat is open again: it keeps its place (RTE-2), the units are free.
as ana POST "/v1/sessions/$hold/close" 200 '{"confirm": true}'
shows '.confirmed and .state == "open"'
look ana "/v1/conversations/$conversation"
shows '.state == "open" and .since == $p and .agent == null' --arg p "$place"
look ana "/v1/agents/$ana/capacity"
shows '.held == 0 and .free == 100 and .sessions == 0'
look ana "/v1/agents/$ana/work-items/open"
shows '.items | any(.conversation == $c)' --arg c "$conversation"

# RTE-5: X on a live chat counts as a decline: Ben, who is there now, comes first.
as ben PUT "/v1/agents/$ben/presence" 200 '{"presence": "available"}'
await ben "/v1/agents/$ben/notifications" '.notifications | any(.conversation == $c and .standing)' --arg c "$conversation"
shows '.notifications[0].customer == "Clara Dias"'
hold=$(take '.notifications[0].hold')
as ben POST "/v1/conversations/$conversation/offers/$hold/accept" 200
shows '.agent == $b and .hold == $h' --arg b "$ben" --arg h "$hold"
as ben POST "/v1/conversations/$conversation/messages" 201 '{"text": "I have put a pair aside for you."}'

# --- The end -------------------------------------------------------------------

# PER-4: either side ends a live chat; here the customer. The agent wraps up.
as visitor POST "/v1/conversations/$conversation/leave" 200
shows '.state == "wrap_up" and .reason == "customer_ended"'
as ben POST "/v1/conversations/$conversation/messages" 409 '{"text": "One more thing"}'

# AGT-1: wrap-up holds the units until it closes.
look ben "/v1/agents/$ben/capacity"
shows '.held == 30 and .free == 70'
# SUM-9: the customer's timeline, the newest first.
as ben POST "/v1/contacts/$clara/notes" 201 '{"text": "Prefers to be called Clara"}'
look ben "/v1/contacts/$clara/timeline"
shows '[.entries[].at] | . == (sort | reverse)'
shows '.entries[0].text == "Prefers to be called Clara" and any(.entries[]; .form == "conversation" and .conversation == $c)' --arg c "$conversation"

# SES-7: X in wrap-up closes, and everybody's units are free.
as ben POST "/v1/sessions/$hold/close" 200 '{"confirm": true, "disposition": ["solved"]}'
shows '.state == "closed" and .confirmed'
for who in ana ben; do
  look "$who" "/v1/agents/${!who}/capacity"
  shows '.held == 0 and .free == 100 and .sessions == 0 and .holds == []'
done
look admin "/v1/conversations?queue=$queue"
shows '.conversations == []'

# --- What is known afterwards ---------------------------------------------------

# SUM-1 … SUM-7, PRO-8: the customer summary.
look ben "/v1/conversations/$conversation/summary"
shows '.customer.name == "Clara Dias" and .customer.email == "clara@example.org"'
shows '.details.channel == "chat" and .details.queue == $q and .details.state == "closed" and .details.reason == "customer_ended"' --arg q "$queue"
shows '.details.disposition == ["solved"] and .details.waits >= 1 and .details.waitedMs >= 0'
shows '.visitor.browser == "Firefox 141" and .visitor.language == "en" and (.visitor.authenticated | not)'
shows '[.additional[].name] | contains(["Basket", "Page", "TimeOnPage", "Rule", "Message"])'
shows '.additional[] | select(.name == "Basket") | .source == "page" and .value == "3 items"'

# API-5: the timeline was Ben's to read while he had the conversation.
as ben GET "/v1/contacts/$clara/timeline" 403
shows '.code == "not_participant"'

# CON-2: the transcript; SES-3: closed work items of all who were primary.
look ben "/v1/conversations/$conversation/transcript"
shows '[.lines[] | select(.number != null) | .number] == [1, 2, 3, 4]'
for who in ana ben; do
  look "$who" "/v1/agents/${!who}/work-items/closed"
  shows '.items | any(.conversation == $c and .reason == "customer_ended")' --arg c "$conversation"
done

# AUD-1, CON-1: the history reads as a person would tell it, by whom and when.
look auditor "/v1/conversations/$conversation/history"
shows '[.entries[].sentence] | all(length > 0)'
shows '[.entries[].name] | .[0] == "conversation.started" and .[-1] == "conversation.closed"'
shows '[.entries[].sentence] | any(test("closed the session")) and any(test("wrote: .Hello, does the Runner 7"))'
take '.entries[] | "  \(.happenedAt[11:19])  \(.sentence)"'

# --- The next conversation --------------------------------------------------------

# CON-3: a start after the end gives a new one, and two racing starts give one.
for i in 1 2; do
  behind "$work/start.$i" curl -s -X POST -H "Authorization: Bearer $token_visitor" -H 'Content-Type: application/json' \
    --data-binary "{\"widget\": \"$widget\"}" "$url/v1/conversations"
  racing[$i]=$behind
done
wait "${racing[@]}"
answer=$(jq -s . "$work/start.1" "$work/start.2") asked="two starts" status=done
shows '([.[].created] | sort) == [false, true] and .[0].conversation == .[1].conversation and .[0].conversation != $c' --arg c "$conversation"
next=$(take '.[0].conversation') at=$(take 'max_by(.position | split(":")[1] | tonumber).position')

# API-2: `after` waits for the view; what it shows is at least that.
look admin "/v1/conversations?queue=$queue"
shows '[.conversations[].conversation] == [$n]' --arg n "$next"
shows '(.position | split(":")[1] | tonumber) >= ($at | split(":")[1] | tonumber)' --arg at "$at"

# CON-4: the customer leaves before an agent came: abandoned.
as visitor POST "/v1/conversations/$next/leave" 200
shows '.state == "closed" and .reason == "abandoned"'

# --- The feeds, once more ----------------------------------------------------------

# API-3: with Last-Event-ID a feed goes on: exactly what was missed, in order, nothing twice.
hears "$work/conversation.feed" conversation.closed "$conversation"
told "$work/conversation.feed" | cut -f 1 >"$work/all"
half=$(($(wc -l <"$work/all") / 2))
follow admin "/v1/conversations/$conversation/feed" "$work/resumed.feed" "$(sed -n "${half}p" "$work/all")"
hears "$work/resumed.feed" conversation.closed "$conversation"
told "$work/resumed.feed" | cut -f 1 >"$work/rest"
asked="the feed" status=resumed answer=$(diff <(tail -n +$((half + 1)) "$work/all") "$work/rest") || die "not exactly the rest"

echo "ok: a live chat from the first page to the summary"
