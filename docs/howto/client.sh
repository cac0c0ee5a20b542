# What both conversations need: a server, tokens, asking, and looking at answers.
# It is read by the other scripts (". client.sh"); curl, jq and openssl do the work.

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
patience=300 # seconds that a wait may take on a busy machine; it ends what hangs
jobs_started=()

finish() {
  local code=$?
  trap - EXIT
  for pid in ${jobs_started[@]+"${jobs_started[@]}"}; do
    kill -INT -- "-$pid" 2>/dev/null || true # the whole group: "go run" and what it runs
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

# behind FILE COMMAND…: runs a command in the background, its output in FILE,
# and its process in $behind.
behind() {
  local file=$1
  shift
  : >"$file" # who looks before the command has begun finds it empty
  set -m # a process group of its own, so that all of it can be ended
  "$@" >"$file" 2>>"$work/errors" &
  behind=$!
  set +m
  jobs_started+=("$behind")
}

# die WHY…: ends with the last answer shown.
die() {
  echo "FAILED: $*" >&2
  echo "the answer to ${asked:-nothing} was ${status:-none}: ${answer:-}" >&2
  [ ! -s "$work/errors" ] || tail -n 5 "$work/errors" >&2
  exit 1
}

# serve_parley: starts a server, or uses the one at PARLEY_URL.
serve_parley() {
  url=${PARLEY_URL:-}
  token_admin=${PARLEY_ADMIN_TOKEN:-}
  if [ -z "$url" ]; then
    local parley=${PARLEY:-go run ./cmd/parley}
    echo "# $parley serve --data $work/data --listen 127.0.0.1:0"
    # shellcheck disable=SC2086 # the command may be several words
    behind "$work/server" $parley serve --data "$work/data" --listen 127.0.0.1:0
    for _ in $(seq $((patience * 10))); do
      url=$(sed -n 's|^Parley serves \(http://[^/]*\)/.*|\1|p' "$work/server")
      [ -z "$url" ] || break
      kill -0 "$behind" 2>/dev/null || die "the server did not start"
      sleep 0.1
    done
    # shellcheck disable=SC2086
    token_admin=$($parley token --role admin --data "$work/data")
  fi
  for _ in $(seq $((patience * 10))); do
    status=$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz") || true
    [ "$status" != 200 ] || break
    sleep 0.1
  done
  [ "$status" = 200 ] || die "$url/readyz never was ready"
  echo "# Parley answers at $url"
}

# as WHO METHOD PATH STATUS [BODY]: asks with WHO's token (nobody: none) and
# expects a status. KEY=… before it sends an Idempotency-Key. What a command
# wrote is kept in $at.
as() {
  local who=$1 method=$2 path=$3 want=$4 body=${5-} token="token_$1" headers=()
  [ "$who" = nobody ] || headers+=(-H "Authorization: Bearer ${!token}")
  [ -z "$body" ] || headers+=(-H 'Content-Type: application/json' --data-binary "$body")
  [ -z "${KEY-}" ] || headers+=(-H "Idempotency-Key: $KEY")
  asked="$method $path by $who"
  for _ in $(seq $((patience / 10))); do
    answer=$(curl -sS -X "$method" -w '\n%{http_code}' ${headers[@]+"${headers[@]}"} "$url$path")
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    # A view that has not got there yet (API-2) says so, and is asked again.
    [ "$method $status" = 'GET 503' ] || break
    sleep 1
  done
  [ "$status" = "$want" ] || die "$status instead of $want"
  if [ "$method" != GET ] && [ "$status" -lt 300 ]; then
    at=$(jq -r '.position // empty' <<<"$answer")
  fi
}

# look WHO PATH: reads what shows at least what was written last (API-2).
look() {
  local and='?'
  case $2 in *\?*) and='&' ;; esac
  as "$1" GET "$2${and}after=$at" 200
}

# shows FILTER [ARGS…]: the last answer is as the jq filter says.
shows() {
  local filter=$1
  shift
  jq -e "$@" "$filter" <<<"$answer" >/dev/null || die "not so: $filter $*"
}

# take FILTER: prints a part of the last answer.
take() { jq -r "$1" <<<"$answer"; }

# await WHO PATH FILTER [ARGS…]: looks until it is so. Routing is quick, but it
# is not part of the answer to a start.
await() {
  local who=$1 path=$2 filter=$3
  shift 3
  for _ in $(seq $((patience * 20))); do
    look "$who" "$path"
    ! jq -e "$@" "$filter" <<<"$answer" >/dev/null || return 0
    sleep 0.05
  done
  die "never so: $filter $*"
}

# token_for ROLE SUBJECT: signs a token.
token_for() {
  as admin POST /v1/tokens 201 "$(jq -n --arg r "$1" --arg s "$2" '{role: $r, subject: $s, ttlSeconds: 3600}')"
  take .token
}

# follow WHO PATH FILE [LAST]: reads a live feed in the background, from the
# event LAST on when it is given, and waits until it is open.
follow() {
  local token="token_$1" headers=()
  [ -z "${4-}" ] || headers+=(-H "Last-Event-ID: $4")
  behind "$3" curl -sN -H "Authorization: Bearer ${!token}" ${headers[@]+"${headers[@]}"} "$url$2"
  for _ in $(seq $((patience * 20))); do
    [ ! -s "$3" ] || return 0
    sleep 0.05
  done
  die "the feed $2 did not open"
}

# told FILE: the events of a feed, one a line: id, name, data.
told() {
  awk '/^id: /{id = substr($0, 5)} /^event: /{name = substr($0, 8)} /^data: /{print id "\t" name "\t" substr($0, 7)}' "$1"
}

# hears FILE NAME TEXT: waits until a feed told an event of this name that
# holds a text.
hears() {
  for _ in $(seq $((patience * 20))); do
    # grep reads to the end: who writes to one that is gone fails
    ! told "$1" | awk -F '\t' -v name="$2" '$2 == name' | grep -F "$3" >/dev/null || return 0
    sleep 0.05
  done
  asked="the feed" status=open answer=$(told "$1" | tail -n 5)
  die "it never told $2 with $3"
}
