package esdbnode

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"parley/eventstore"
)

// marksPrefix begins the streams in which Parley's adapter keeps its marks:
// they are the engine's as well.
const marksPrefix = "~"

// Role is what a user may do.
type Role string

const (
	// RoleReader reads and follows everything.
	RoleReader Role = "reader"
	// RoleWriter does so, and writes and deletes streams that are not Parley's, and
	// works with persistent subscriptions.
	RoleWriter Role = "writer"
	// RoleEngine does so, and appends to Parley's own kinds: another Parley.
	RoleEngine Role = "engine"
)

// Known tells whether there is such a role.
func (r Role) Known() bool { return r.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case RoleReader:
		return 1
	case RoleWriter:
		return 2
	case RoleEngine:
		return 3
	}
	return 0
}

// User is one who may ask.
type User struct {
	Password string
	Role     Role
}

// access knows who may do what.
type access struct {
	kinds     map[string]bool
	users     map[string]user
	anonymous Role
	clients   *x509.CertPool
}

// user is a User without his password: hashes, so that comparing takes the
// same time for all.
type user struct {
	hash [32]byte
	role Role
}

func newAccess(o Options) (*access, error) {
	a := &access{kinds: map[string]bool{}, users: map[string]user{}, anonymous: o.Anonymous, clients: o.ClientCAs}
	for _, k := range o.Kinds {
		a.kinds[k] = true
	}
	for name, u := range o.Users {
		if name == "" || u.Password == "" || !u.Role.Known() {
			return nil, fmt.Errorf("esdbnode: the user %q needs a name, a password and a role: reader, writer or engine", name)
		}
		a.users[name] = user{sha256.Sum256([]byte(u.Password)), u.Role}
	}
	if len(a.users) == 0 && a.anonymous == "" {
		a.anonymous = RoleWriter
	}
	return a, nil
}

// asker is who asks: a name, none for nobody in particular, and a role.
type asker struct {
	name string
	role Role
}

type askerKey struct{}

func askerOf(ctx context.Context) asker {
	who, _ := ctx.Value(askerKey{}).(asker)
	return who
}

// open are the calls that anybody may make, to find out what there is.
var open = map[string]bool{
	"/event_store.client.server_features.ServerFeatures/GetSupportedMethods": true,
	"/event_store.client.gossip.Gossip/Read":                                 true,
}

// check finds out who asks. Without any users everybody is anonymous, whatever
// he says.
func (a *access) check(ctx context.Context, method string) (context.Context, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get("authorization")
	who := asker{role: a.anonymous}
	name, certified, err := a.certified(ctx)
	if err != nil {
		return nil, err
	}
	if certified {
		if who = (asker{name, a.users[name].role}); who.role == "" {
			return nil, status.Error(codes.Unauthenticated, "the certificate names nobody that this server knows")
		}
	} else if len(values) > 0 && len(a.users) > 0 {
		name, password, ok := basic(values[0])
		want, known := a.users[name]
		given := sha256.Sum256([]byte(password))
		if subtle.ConstantTimeCompare(want.hash[:], given[:]) != 1 || !known || !ok {
			return nil, status.Error(codes.Unauthenticated, "the user or the password is wrong")
		}
		who = asker{name, want.role}
	}
	if who.role == "" && !open[method] {
		return nil, status.Error(codes.Unauthenticated, "this server answers to users it knows: give a user and a password")
	}
	return context.WithValue(ctx, askerKey{}, who), nil
}

// certified is whom the caller's certificate names. One that was not signed by
// whom this server trusts is refused, whatever else the caller says.
func (a *access) certified(ctx context.Context) (name string, ok bool, err error) {
	from, _ := peer.FromContext(ctx)
	if from == nil || a.clients == nil {
		return "", false, nil
	}
	info, _ := from.AuthInfo.(credentials.TLSInfo)
	chain := info.State.PeerCertificates
	if len(chain) == 0 {
		return "", false, nil
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{Roots: a.clients, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return "", false, status.Errorf(codes.Unauthenticated, "the caller's certificate is not trusted: %v", err)
	}
	return chain[0].Subject.CommonName, true, nil
}

// atLeast refuses a caller of a lesser role.
func atLeast(ctx context.Context, role Role, what string) error {
	if askerOf(ctx).role.rank() >= role.rank() {
		return nil
	}
	return denied("%s needs the role %q", what, role)
}

func basic(header string) (name, password string, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "basic") {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}

func (a *access) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := a.check(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (a *access) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := a.check(s.Context(), info.FullMethod)
	if err != nil {
		if info.IsClientStream && !info.IsServerStream {
			drain(s)
		}
		return err
	}
	return next(srv, &knownStream{ServerStream: s, ctx: ctx})
}

// Who is refused may still be sending, and the vendor's client then loses the
// reason: so it is heard out, as long as that is not long.
const (
	drainFor  = 2 * time.Second
	drainMost = 2 * eventstore.MaxAppend
)

func drain(s grpc.ServerStream) {
	done := make(chan struct{})
	go func() { // it ends with the call, at the latest
		defer close(done)
		for size := 0; size < drainMost; {
			m := &emptypb.Empty{}
			if s.RecvMsg(m) != nil {
				return
			}
			size += 1 + proto.Size(m)
		}
	}()
	select {
	case <-done:
	case <-time.After(drainFor):
	}
}

// knownStream is a call of somebody who is known.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *knownStream) Context() context.Context { return s.ctx }

// own tells whether a stream is one of Parley's own kinds.
func (a *access) own(stream string) bool {
	kind, _, _ := strings.Cut(stream, "-")
	return a.kinds[kind]
}

// write says whether the caller may append to a stream. Metadata of Parley's
// kinds could truncate them: nobody writes those.
func (a *access) write(ctx context.Context, stream string) error {
	if of, ok := metastream(stream); ok {
		if a.own(of) {
			return denied("%s is one of Parley's own streams: it is never truncated, and its rights are Parley's", of)
		}
		stream = of
	}
	if strings.HasPrefix(stream, categoryPrefix) || strings.HasPrefix(stream, namePrefix) {
		return denied("%s is made of what other streams hold: write to those", stream)
	}
	if strings.HasPrefix(stream, groupPrefix) {
		return denied("%s is what a group has parked: the group writes it, and gives it again when it is told to replay", stream)
	}
	if !a.own(stream) && !strings.HasPrefix(stream, marksPrefix) {
		return atLeast(ctx, RoleWriter, "writing "+stream)
	}
	if askerOf(ctx).role != RoleEngine {
		return denied("%s is one of Parley's own streams: only a user of the role %q may write it; others send commands to Parley's API", stream, RoleEngine)
	}
	return nil
}

// remove says whether a stream may be deleted.
func (a *access) remove(ctx context.Context, stream string) error {
	of, _ := metastream(stream)
	if a.own(of) || strings.HasPrefix(of, marksPrefix) {
		return denied("%s is one of Parley's own streams: it is never deleted; to erase a person, ask Parley to destroy the keys", stream)
	}
	return a.write(ctx, stream)
}
