package esdbnode

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/projections"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// kit is a node under test, the log behind it and clients before it.
type kit struct {
	t       *testing.T
	dir     string
	options Options
	node    *Node
	done    chan error
	log     *embedded.Log
	address string
	wire    *grpc.ClientConn
	client  *esdb.Client
	through func(eventstore.Log) eventstore.Log // what the node sees of the log; nil is all
}

func serving(t *testing.T, o Options) *kit {
	t.Helper()
	o.Kinds = []string{"line"}
	if o.Users == nil {
		o.Users, o.Anonymous = map[string]User{Engine: {"right", RoleEngine}}, RoleWriter
	}
	k := &kit{t: t, dir: t.TempDir(), options: o}
	k.start()
	t.Cleanup(k.stop)
	return k
}

// start serves the log in the folder, at an address of its own each time: one
// that was given up is soon somebody else's.
func (k *kit) start() {
	k.t.Helper()
	must := func(err error) {
		k.t.Helper()
		if err != nil {
			k.t.Fatal(err)
		}
	}
	var err error
	k.log, err = embedded.Open(embedded.Options{Dir: k.dir})
	must(err)
	k.options.Log = k.log
	if k.through != nil {
		k.options.Log = k.through(k.log)
	}
	k.node, err = New(k.options)
	must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	k.address = listener.Addr().String()
	k.done = make(chan error, 1)
	go func(n *Node, done chan error) { done <- n.Serve(listener) }(k.node, k.done)
	if k.options.TLS != nil {
		return
	}
	k.wire, err = grpc.NewClient(k.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	k.client = connected(k.t, "esdb://"+k.address+"?tls=false", nil)
}

func (k *kit) stop() {
	k.t.Helper()
	for _, err := range []error{k.node.Close(), <-k.done, k.log.Close()} {
		if err != nil {
			k.t.Error(err)
		}
	}
}

func (k *kit) restart() {
	k.t.Helper()
	k.stop()
	k.start()
}

func connected(t *testing.T, address string, roots *x509.CertPool) *esdb.Client {
	t.Helper()
	conf, err := esdb.ParseConnectionString(address)
	if err != nil {
		t.Fatal(err)
	}
	conf.Logger, conf.RootCAs = esdb.NoopLogging(), roots
	c, err := esdb.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// patience ends what hangs. A busy machine may take its time.
const patience = 5 * time.Minute

func (k *kit) ctx() context.Context {
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	k.t.Cleanup(cancel)
	return ctx
}

func as(ctx context.Context, user, password string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

func placed(ids ...uuid.UUID) (events []esdb.EventData) {
	for i, id := range ids {
		events = append(events, esdb.EventData{EventID: id, EventType: "order.placed", ContentType: esdb.ContentTypeJson, Data: []byte(`{"n":` + strconv.Itoa(i) + `}`)})
	}
	return events
}

func (k *kit) append(stream string, expect esdb.ExpectedRevision, ids ...uuid.UUID) (*esdb.WriteResult, error) {
	return k.client.AppendToStream(k.ctx(), stream, esdb.AppendToStreamOptions{ExpectedRevision: expect}, placed(ids...)...)
}

func (k *kit) mustAppend(stream string, expect esdb.ExpectedRevision, ids ...uuid.UUID) *esdb.WriteResult {
	k.t.Helper()
	w, err := k.append(stream, expect, ids...)
	if err != nil {
		k.t.Fatal(err)
	}
	return w
}

func (k *kit) read(stream string) ([]*esdb.RecordedEvent, error) {
	reading, err := k.client.ReadStream(k.ctx(), stream, esdb.ReadStreamOptions{}, math.MaxUint64)
	if stream == "$all" {
		reading, err = k.client.ReadAll(k.ctx(), esdb.ReadAllOptions{}, math.MaxUint64)
	}
	if err != nil {
		return nil, err
	}
	defer reading.Close()
	var all []*esdb.RecordedEvent
	for {
		e, err := reading.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e.OriginalEvent())
	}
}

func code(err error) esdb.ErrorCode {
	var e *esdb.Error
	if err != nil && errors.As(err, &e) {
		return e.Code()
	}
	return -1
}

func ids(n int) (all []uuid.UUID) {
	for range n {
		all = append(all, uuid.New())
	}
	return all
}

func TestExpectedRevisions(t *testing.T) {
	k := serving(t, Options{})
	a := ids(3)
	for name, expect := range map[string]esdb.ExpectedRevision{"exists": esdb.StreamExists{}, "0": esdb.Revision(0)} {
		if _, err := k.append("order-0", expect, uuid.New()); code(err) != esdb.ErrorCodeWrongExpectedVersion {
			t.Errorf("a stream that is not there, expecting %s: %v", name, err)
		}
	}
	first := k.mustAppend("order-1", esdb.NoStream{}, a...)
	if first.NextExpectedVersion != 2 || first.CommitPosition == 0 || first.CommitPosition != first.PreparePosition {
		t.Fatalf("%+v", first)
	}
	// The same again is a success at the same place, however it is expected.
	for name, expect := range map[string]esdb.ExpectedRevision{"none": esdb.NoStream{}, "any": esdb.Any{}, "exists": esdb.StreamExists{}} {
		if w, err := k.append("order-1", expect, a...); err != nil || *w != *first {
			t.Errorf("again, expecting %s: %+v, %v", name, w, err)
		}
	}
	for name, test := range map[string]struct {
		expect esdb.ExpectedRevision
		ids    []uuid.UUID
	}{
		"others at the start":   {esdb.NoStream{}, ids(2)},
		"half the same":         {esdb.NoStream{}, []uuid.UUID{a[0], uuid.New()}},
		"half known":            {esdb.Any{}, []uuid.UUID{a[0], uuid.New()}},
		"others behind":         {esdb.Revision(0), ids(1)},
		"more than there is":    {esdb.Revision(1), []uuid.UUID{a[2], uuid.New()}},
		"beyond the end":        {esdb.Revision(9), ids(1)},
		"the same, but further": {esdb.Revision(0), []uuid.UUID{a[2]}},
	} {
		if _, err := k.append("order-1", test.expect, test.ids...); code(err) != esdb.ErrorCodeWrongExpectedVersion {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w := k.mustAppend("order-1", esdb.Revision(0), a[1], a[2]); *w != *first {
		t.Errorf("again from the middle: %+v", w)
	}
	if w := k.mustAppend("order-1", esdb.Revision(2), a[2]); w.NextExpectedVersion != 3 {
		t.Errorf("at the end an id may come twice: %+v", w)
	}
	if got, err := k.read("order-1"); err != nil || len(got) != 4 {
		t.Fatalf("%d events, %v", len(got), err)
	}
}

func TestBytesAreKept(t *testing.T) {
	k := serving(t, Options{})
	for i, e := range []esdb.EventData{
		{ContentType: esdb.ContentTypeBinary, Data: []byte{0, 1, 255}, Metadata: []byte{7, 0, 8}},
		{ContentType: esdb.ContentTypeJson, Data: []byte(`{ "a": 1 }`), Metadata: []byte(`{"$correlationId":"x"}`)},
		{ContentType: esdb.ContentTypeJson, Data: []byte(`{}`), Metadata: []byte(`{"parley":1, "happenedAt":"2026-01-01T00:00:00Z"}`)},
		{ContentType: esdb.ContentTypeJson, Data: []byte(frameMark + "!"), Metadata: []byte(`{"parley":1,"happenedAt":"2026-01-01T00:00:00Z"}`)},
		{ContentType: esdb.ContentTypeJson, Data: []byte(`{}`), Metadata: []byte(`{"parley":1,"happenedAt":"2026-01-01T00:00:00Z"}`)},
		{ContentType: esdb.ContentTypeBinary},
	} {
		e.EventID, e.EventType = uuid.New(), "thing"
		stream := "things-" + strconv.Itoa(i)
		if _, err := k.client.AppendToStream(k.ctx(), stream, esdb.AppendToStreamOptions{}, e); err != nil {
			t.Fatal(err)
		}
		all, err := k.read(stream)
		if err != nil {
			t.Fatal(err)
		}
		got := all[0]
		want := map[esdb.ContentType]string{esdb.ContentTypeBinary: "application/octet-stream", esdb.ContentTypeJson: "application/json"}[e.ContentType]
		if got.EventID != e.EventID || got.EventType != "thing" || got.ContentType != want || !bytes.Equal(got.Data, e.Data) || !bytes.Equal(got.UserMetadata, e.Metadata) {
			t.Errorf("%d: wrote %s %q %q, read %s %q %q", i, want, e.Data, e.Metadata, got.ContentType, got.Data, got.UserMetadata)
		}
	}
}

func TestDeleting(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(3)...)
	if _, err := k.client.DeleteStream(k.ctx(), "order-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.read("order-1"); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatalf("deleted: %v", err)
	}
	if _, err := k.append("order-1", esdb.StreamExists{}, uuid.New()); code(err) != esdb.ErrorCodeStreamDeleted {
		t.Fatalf("expecting that it exists: %v", err)
	}
	if w := k.mustAppend("order-1", esdb.NoStream{}, uuid.New()); w.NextExpectedVersion != 3 {
		t.Fatalf("it goes on: %+v", w)
	}
	if got, err := k.read("order-1"); err != nil || len(got) != 1 || got[0].EventNumber != 3 {
		t.Fatalf("what is seen of it: %v, %v", got, err)
	}
	var trailer metadata.MD
	raw := streams.NewStreamsClient(k.wire)
	_, err := raw.Delete(k.ctx(), &streams.DeleteReq{Options: &streams.DeleteReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte("order-1")},
		ExpectedStreamRevision: &streams.DeleteReq_Options_Revision{Revision: 8},
	}}, grpc.Trailer(&trailer))
	if status.Code(err) != codes.FailedPrecondition || trailer.Get("exception")[0] != "wrong-expected-version" || trailer.Get("actual-version")[0] != "3" {
		t.Fatalf("at a wrong revision: %v, %v", err, trailer)
	}
	for _, stream := range []string{"order-1", "order-never"} {
		if _, err := k.client.TombstoneStream(k.ctx(), stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		if _, err := k.read(stream); code(err) != esdb.ErrorCodeStreamDeleted {
			t.Fatalf("tombstoned: %v", err)
		}
		// Many events: the reason must reach whoever is still sending them.
		events := placed(ids(20)...)
		for i := range events {
			events[i].Data = append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 40_000)...), '"')
		}
		for range 20 {
			if _, err := k.client.AppendToStream(k.ctx(), stream, esdb.AppendToStreamOptions{}, events...); code(err) != esdb.ErrorCodeStreamDeleted {
				t.Fatalf("appending: %v", err)
			}
		}
	}
	// Whatever lies in the log has a time: the client ends the process without.
	all, err := k.read("$all")
	if err != nil || len(all) < 8 {
		t.Fatalf("%d events, %v", len(all), err)
	}
	for _, e := range all {
		if e.CreatedDate.Year() < 2020 || e.EventType == "" || e.ContentType == "" {
			t.Errorf("%+v", e)
		}
	}
	if last := all[len(all)-1]; last.EventType != typeDeleted || last.EventNumber != math.MaxInt64 {
		t.Errorf("the last is %+v", last)
	}
}

func TestWindows(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(9)...)
	m := esdb.StreamMetadata{}
	m.SetMaxCount(3)
	if _, err := k.client.SetStreamMetadata(k.ctx(), "order-1", esdb.AppendToStreamOptions{}, m); err != nil {
		t.Fatal(err)
	}
	if got, err := k.read("order-1"); err != nil || len(got) != 3 || got[0].EventNumber != 6 {
		t.Fatalf("the last three: %d, %v", len(got), err)
	}
	m.SetTruncateBefore(8)
	if _, err := k.client.SetStreamMetadata(k.ctx(), "order-1", esdb.AppendToStreamOptions{}, m); err != nil {
		t.Fatal(err)
	}
	if got, err := k.read("order-1"); err != nil || len(got) != 1 || got[0].EventNumber != 8 {
		t.Fatalf("from 8: %d, %v", len(got), err)
	}
	if got, err := k.read("$$order-1"); err != nil || len(got) != 1 {
		t.Fatalf("metadata keep the last of themselves: %d, %v", len(got), err)
	}
}

func TestFilteredSubscription(t *testing.T) {
	k := serving(t, Options{})
	for n := range 100 {
		k.mustAppend("order-"+strconv.Itoa(n%2), esdb.Any{}, ids(1)...)
	}
	s, err := k.client.SubscribeToAll(k.ctx(), esdb.SubscribeToAllOptions{
		From: esdb.Start{}, MaxSearchWindow: 10, CheckpointInterval: 2,
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"order-1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events, checkpoints, at := 0, 0, uint64(0)
	for caughtUp := false; !caughtUp; {
		switch e := s.Recv(); {
		case e.EventAppeared != nil:
			if events++; e.EventAppeared.OriginalEvent().StreamID != "order-1" {
				t.Fatalf("%+v", e.EventAppeared)
			}
		case e.CheckPointReached != nil:
			if checkpoints++; e.CheckPointReached.Commit <= at {
				t.Fatalf("from checkpoint %d to %d", at, e.CheckPointReached.Commit)
			}
			at = e.CheckPointReached.Commit
		case e.CaughtUp != nil:
			caughtUp = true
		default:
			t.Fatalf("%+v", e.SubscriptionDropped)
		}
	}
	if events != 50 || checkpoints != 5 {
		t.Fatalf("%d events and %d checkpoints", events, checkpoints)
	}
	w := k.mustAppend("order-1", esdb.Any{}, ids(1)...)
	if e := s.Recv(); e.EventAppeared == nil || e.EventAppeared.OriginalEvent().Position.Commit != w.CommitPosition {
		t.Fatalf("live: %+v", e)
	}
	if _, err := k.client.SubscribeToAll(k.ctx(), esdb.SubscribeToAllOptions{Filter: &esdb.SubscriptionFilter{Regex: "(?=x)"}}); err == nil {
		t.Fatal("a look-ahead was taken")
	}
}

func TestStreamSubscription(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(3)...)
	s, err := k.client.SubscribeToStream(k.ctx(), "order-1", esdb.SubscribeToStreamOptions{From: esdb.Revision(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for want := uint64(1); want < 5; {
		switch e := s.Recv(); {
		case e.CaughtUp != nil:
			k.mustAppend("order-2", esdb.Any{}, ids(1)...)
			k.mustAppend("order-1", esdb.Any{}, ids(2)...)
		case e.EventAppeared == nil || e.EventAppeared.OriginalEvent().EventNumber != want:
			t.Fatalf("want %d, got %+v", want, e)
		default:
			want++
		}
	}
	if _, err := k.client.TombstoneStream(k.ctx(), "order-1", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if e := s.Recv(); e.SubscriptionDropped == nil {
		t.Fatalf("after the tombstone: %+v", e)
	}
}

func TestParleysOwnStreams(t *testing.T) {
	k := serving(t, Options{})
	r := eventstore.Record{ID: uuid.New(), Name: "line.taken", HappenedAt: time.Now(), Actor: domain.Actor{ID: "lena", Role: "agent"}, Data: []byte(`{"n":1}`)}
	if _, err := k.log.Append(k.ctx(), "line-1", eventstore.None, r); err != nil {
		t.Fatal(err)
	}
	got, err := k.read("line-1")
	if err != nil || len(got) != 1 || string(got[0].Data) != `{"n":1}` || !bytes.Contains(got[0].UserMetadata, []byte(`"lena"`)) {
		t.Fatalf("anybody reads: %v, %v", got, err)
	}
	if _, err := k.append("line-1", esdb.Any{}, uuid.New()); code(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("anybody writes: %v", err)
	}
	if _, err := k.client.AppendToStream(as(k.ctx(), Engine, "wrong"), "order-1", esdb.AppendToStreamOptions{}, placed(uuid.New())...); code(err) != esdb.ErrorCodeUnauthenticated {
		t.Errorf("a wrong password: %v", err)
	}
	engine := as(k.ctx(), Engine, "right")
	own := esdb.EventData{EventID: uuid.New(), EventType: "line.left", ContentType: esdb.ContentTypeJson, Data: []byte(`{}`), Metadata: []byte(`{"parley":1,"happenedAt":"2026-01-01T00:00:00Z"}`)}
	if _, err := k.client.AppendToStream(engine, "line-1", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(0)}, own); err != nil {
		t.Errorf("the engine writes: %v", err)
	}
	if _, err := k.client.AppendToStream(engine, "line-1", esdb.AppendToStreamOptions{}, placed(uuid.New())...); err == nil {
		t.Error("an event without Parley's envelope was taken")
	}
	if _, err := k.client.DeleteStream(engine, "line-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); code(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("the engine deletes: %v", err)
	}
	if _, err := k.client.TombstoneStream(engine, "line-1", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); code(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("the engine tombstones: %v", err)
	}
	if _, err := k.client.SetStreamMetadata(engine, "line-1", esdb.AppendToStreamOptions{}, esdb.StreamMetadata{}); code(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("the engine truncates: %v", err)
	}
}

func TestFindingTheNode(t *testing.T) {
	k := serving(t, Options{})
	c := connected(t, "esdb://"+k.address+","+k.address+"?tls=false", nil)
	if v, err := c.GetServerVersion(); err != nil || v.Major < 23 {
		t.Fatalf("%+v, %v", v, err)
	}
	_, err := projections.NewProjectionsClient(k.wire).Enable(k.ctx(), &projections.EnableReq{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("what is not offered: %v", err)
	}
}

func TestEncrypted(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	k := serving(t, Options{TLS: &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}})
	k.client = connected(t, "esdb://"+Engine+":right@"+k.address+"?tls=true", roots)
	k.mustAppend("order-1", esdb.NoStream{}, ids(1)...)
	k.client = connected(t, "esdb://"+Engine+":wrong@"+k.address+"?tls=true", roots)
	if _, err := k.append("order-1", esdb.Any{}, uuid.New()); code(err) != esdb.ErrorCodeUnauthenticated {
		t.Fatalf("a wrong password: %v", err)
	}
}
