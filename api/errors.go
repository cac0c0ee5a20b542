package api

import "net/http"

// refusal is what the API says of one error code. A code never changes its
// meaning and is never used again for another.
type refusal struct {
	Status  int
	Title   string
	Rule    string // the rule in product.md when the refusal itself names none
	Explain string // one line: why, and what to do
}

const (
	bad       = http.StatusBadRequest
	denied    = http.StatusForbidden
	absent    = http.StatusNotFound
	conflict  = http.StatusConflict
	gone      = http.StatusGone
	semantics = http.StatusUnprocessableEntity
)

// refusals is the one table of all error codes, those of the domain and of the
// store as well as the API's own.
var refusals = map[string]refusal{
	// What was asked.
	"invalid":                 {bad, "A field is not valid", "API-1", "The field named is missing or not as the contract says: correct it and ask again."},
	"invalid_body":            {bad, "The body is not valid", "API-1", "The body is not the JSON that the operation takes: see the field named and the operation's schema."},
	"unsupported_media_type":  {http.StatusUnsupportedMediaType, "The body's type is not taken here", "API-1", "Send application/json, or what the operation names."},
	"not_found":               {absent, "There is no such thing", "API-1", "Nothing has this address or id: look it up in a list."},
	"method_not_allowed":      {http.StatusMethodNotAllowed, "The address does not take this method", "API-1", "See the methods in the Allow header."},
	"too_large":               {http.StatusRequestEntityTooLarge, "That is too much at once", "API-5", "A command takes 1 MiB at most: send less at once; attachments are sent by themselves."},
	"text_too_long":           {semantics, "The text is too long", "CON-2", "Shorten the text: messages take 6,000 characters, notes 10,000, custom actions 256."},
	"idempotency_key_invalid": {bad, "The Idempotency-Key is not valid", "API-1", "Give 1 to 255 visible ASCII characters, such as a UUID."},
	"idempotency_key_reused":  {semantics, "The Idempotency-Key named another command", "API-1", "The key was used with another body: take a new key for a new command."},
	"confirm_required":        {conflict, "This wants to be confirmed", "SES-7", "The outcome says what would happen: ask again with confirm."},
	"changed":                 {http.StatusPreconditionFailed, "Somebody changed it since", "API-1", "Read it again and decide with its new ETag in If-Match."},

	// Who asked.
	"unauthenticated":   {http.StatusUnauthorized, "Nobody is signed in", "API-5", "Send a token: Authorization: Bearer <token>."},
	"invalid_token":     {http.StatusUnauthorized, "The token is not valid", "API-5", "The token is malformed, or not signed by a key that counts here: get a new one."},
	"token_expired":     {http.StatusUnauthorized, "The token has expired", "API-5", "Get a new token and ask again."},
	"forbidden":         {denied, "That is not allowed to you", "API-5", "The caller's role or part in it does not allow this: ask somebody whose does."},
	"disabled":          {denied, "It is disabled", "AGT-6", "The agent, bot or widget is disabled: an administrator enables it."},
	"too_many_requests": {http.StatusTooManyRequests, "Too many requests", "API-5", "Wait as long as Retry-After says."},

	// The log and the machine.
	"log_moved":     {gone, "The position belongs to another log", "API-3", "Read the views again and go on from the position they show."},
	"behind":        {http.StatusServiceUnavailable, "The view has not got there yet", "API-2", "The view did not reach the position in time, or is made anew: ask again."},
	"unavailable":   {http.StatusServiceUnavailable, "Parley cannot answer now", "API-1", "Repeat it in a moment, a command with the same Idempotency-Key."},
	"contended":     {conflict, "Others were first, again and again", "API-1", "Repeat it with the same Idempotency-Key."},
	"internal":      {http.StatusInternalServerError, "Something went wrong inside", "API-1", "It is not your fault and was written down: quote the reference."},
	"disk_full":     {http.StatusInsufficientStorage, "The disk is full", "API-1", "There is no room on the server's disk: what was under way was not finished, and what there was before stays. Make room, and do it again."},
	"backup_failed": {http.StatusInternalServerError, "The backup could not be written", "API-1", "The outcome says why: make room or name another folder, and do it again."},
	"import_failed": {http.StatusInternalServerError, "The import could not be finished", "API-1", "The outcome says why, and where: mend it and import the same again, what is there is passed over."},
	"damaged":       {http.StatusInternalServerError, "The log is damaged", "API-1", "The outcome names what is damaged: run parley check, and restore from a backup."},
	"erased":        {gone, "It was erased", "AUD-4", "The person's data were erased for good."},

	// What there is not.
	"agent_unknown":        {absent, "There is no such agent", "AGT-6", "Take an agent's id from the list of agents."},
	"case_unknown":         {absent, "There is no such case", "SUM-8", "Search for the case."},
	"contact_unknown":      {absent, "There is no such contact", "SUM-3", "Search for the contact."},
	"account_unknown":      {absent, "There is no such account", "SUM-3", "Search for the account."},
	"conversation_unknown": {absent, "There is no such conversation", "CON-1", "Take a conversation's id from a list."},
	"invitation_unknown":   {absent, "There is no such invitation", "PRO-5", "The invitation was never made."},
	"message_unknown":      {absent, "There is no such message", "CON-2", "Take a message's id from the transcript."},
	"notification_unknown": {absent, "There is no such notification", "NOT-6", "It was never raised: read the agent's notifications."},
	"offer_unknown":        {absent, "There is no such offer", "NOT-1", "It was never made: read the agent's notifications."},
	"queue_unknown":        {absent, "There is no such queue", "RTE-1", "Take a queue's id from the list of queues."},
	"session_unknown":      {absent, "There is no such session", "SES-2", "Read the agent's sessions."},
	"visitor_unknown":      {absent, "There is no such visitor", "PRO-4", "The visitor's widget has not said hello yet."},
	"widget_unknown":       {absent, "There is no such widget", "PER-2", "Take a widget's id from the list of widgets."},
	"workstream_unknown":   {absent, "There is no such workstream", "RTE-1", "Take a workstream's id from the list of workstreams."},

	"rule_invalid":    {bad, "The condition of a rule cannot be read", "RTE-1", "Correct it at the line and column that the outcome names; see the how-to on routing."},
	"hours_unknown":   {absent, "There are no such operating hours", "CON-7", "Take an id from the list of operating hours."},
	"profile_unknown": {absent, "There is no such capacity profile", "AGT-3", "Take an id from the list of capacity profiles."},

	"exists":          {conflict, "It exists already", "API-1", "Go on with the one that is there, or take another id."},
	"rebuild_running": {conflict, "A rebuild is running", "ANA-1", "Wait until it is done, or stop it."},

	// Conversations.
	"conversation_closed":       {conflict, "The conversation is closed", "CON-3", "Closed is final: start a new conversation."},
	"conversation_ended":        {conflict, "The conversation has ended", "CON-3", "It is in wrap-up: only notes are taken; start a new conversation."},
	"conversation_exists":       {conflict, "The conversation exists already", "CON-3", "Go on with the one that is there."},
	"conversation_not_open":     {conflict, "The conversation is not waiting for an agent", "SES-2", "Read its state again: somebody has it, or it is over."},
	"conversation_not_waiting":  {conflict, "The conversation is not waiting for the customer", "SES-2", "Read its state again."},
	"line_taken":                {conflict, "Another conversation is the customer's current one", "CON-3", "Go on with the one that is there."},
	"not_engaged":               {conflict, "Nobody is engaged in the conversation", "CON-2", "Only an engaged conversation takes this."},
	"not_yours":                 {denied, "It belongs to somebody else", "API-5", "Only who has it may do this."},
	"not_member":                {denied, "The agent is not a member", "RTE-1", "Only an enabled member of the queue may do this."},
	"participant_exists":        {conflict, "The agent takes part already", "CON-5", "He is in the conversation, or invited."},
	"consult_limit":             {conflict, "Five consult already", "CON-5", "Let one leave first."},
	"own_conversation":          {conflict, "The conversation is the agent's own", "CON-5", "Its primary agent takes part already."},
	"primary_there":             {conflict, "The primary agent is there", "CON-5", "Only from one whose last device was lost is it taken over."},
	"bulk_unknown":              {absent, "There is no such bulk action", "SUP-1", "Take its id from the answer that began it."},
	"not_participant":           {denied, "The agent takes no part in it", "CON-5", "Join, or ask the primary agent to invite."},
	"end_refused_persistent":    {conflict, "The customer cannot end a persistent chat", "PER-4", "Only the agent ends it; closing the widget changes nothing."},
	"persistent_needs_auth":     {denied, "A persistent chat wants a signed token", "PER-9", "Send the customer's signed token with the start."},
	"persistent_needs_settings": {semantics, "A persistent workstream lacks settings", "PER-9", "Set what the outcome names: authentication and keep-same-agent."},
	"transfer_pending":          {conflict, "A transfer is under way", "CON-5", "Wait for its outcome or withdraw it."},
	"outside_hours":             {conflict, "It is outside the operating hours", "CON-7", "Come back within the hours the outcome names."},
	"edit_too_late":             {conflict, "The message can no longer be edited", "CON-2", "Messages are edited within 15 minutes by their author."},
	"disposition_required":      {conflict, "A disposition is required", "CON-8", "Choose a disposition code before closing."},

	// Offers, holds and agents.
	"offer_ended":        {conflict, "The offer has ended", "NOT-8", "The outcome says how it ended."},
	"offer_expired":      {conflict, "The offer has expired", "NOT-3", "Its countdown is over; the conversation is offered on."},
	"reject_not_allowed": {conflict, "This offer cannot be rejected", "NOT-7", "The scenario's template allows no rejection: accept it, or let it run out."},
	"offered_elsewhere":  {conflict, "It is offered to somebody else", "SES-2", "Wait for that agent's answer."},
	"taken":              {conflict, "Somebody else has it", "SES-2", "The outcome says who was first."},
	"turn_passed":        {conflict, "The conversation has moved on", "RTE-7", "Read its state again."},
	"hold_exists":        {conflict, "The agent holds this conversation already", "AGT-1", "One hold an agent and conversation."},
	"hold_unknown":       {conflict, "The agent does not hold it", "AGT-1", "Nothing is held under this name."},
	"capacity":           {conflict, "The agent has no room", "AGT-2", "Wait until units are free, or let a supervisor assign."},
	"session_closed":     {conflict, "The session is closed", "SES-2", "Open the conversation again: that is a new session."},
	"session_limit":      {conflict, "The agent has ten sessions on conversations", "AGT-2", "Close one first: the limit holds for everybody."},
	"presence":           {conflict, "The agent's presence does not allow it", "RTE-1", "Change the presence first."},
	"not_connected":      {conflict, "The agent is not connected", "RTE-1", "Open a feed on some device first."},
	"queue_unservable":   {conflict, "Nobody can serve the queue", "CON-5", "It has no enabled member, or its hours are closed: choose another."},
	"queue_not_empty":    {conflict, "The queue holds work", "AGT-6", "Move its conversations first."},
	"queue_needed":       {conflict, "Conversations are sent into the queue", "AGT-6", "Name another queue in the workstream, rule or overflow that is told."},

	// Visitors and customers.
	"invitation_ended":   {conflict, "The invitation has ended", "PRO-5", "The outcome says how it ended."},
	"invitation_expired": {conflict, "The invitation has expired", "PRO-5", "It stood for 60 seconds; the visitor may start a chat."},
	"invitation_pending": {conflict, "An invitation is pending", "PRO-5", "One at a time for a visitor, over all tabs."},
	"already_linked":     {conflict, "It is linked already", "SUM-3", "Unlink what is there first."},
	"not_linked":         {conflict, "It is not linked", "SUM-3", "Link it first."},

	// --- desk ---
	"customer_token_invalid": {denied, "The customer's token is not valid", "SUM-10", "It is malformed, expired, or not signed by a key of the workstream: get a new one from the site."},
	"proactive_off":          {conflict, "The widget invites nobody", "PRO-2", "An administrator switches invitations on for each widget."},
	"survey_over":            {conflict, "The survey is over", "CON-9", "Answers are taken for 7 days after the end, and none of what was abandoned or spam."},
	// --- end desk ---
}
