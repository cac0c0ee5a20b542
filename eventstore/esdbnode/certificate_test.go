package esdbnode

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// certified makes a certificate, signed by itself or by another.
func certified(t *testing.T, name string, to time.Time, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: to.Add(-48 * time.Hour), NotAfter: to,
		IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signer, signed := any(key), leaf
	if by != nil {
		signer, signed = by.PrivateKey, by.Leaf
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, signed, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestCertificatesOfCallers: a trusted one names a user; another is refused,
// whatever else its owner says.
func TestCertificatesOfCallers(t *testing.T) {
	soon := time.Now().Add(24 * time.Hour)
	ca, stranger := certified(t, "ca", soon, nil), certified(t, "ca", soon, nil)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Leaf)
	k := serving(t, Options{
		TLS: &tls.Config{Certificates: []tls.Certificate{*certified(t, "node", soon, ca)}, MinVersion: tls.VersionTLS12}, ClientCAs: roots,
		Users: map[string]User{"r": {"reading", RoleReader}, "w": {"writing", RoleWriter}},
	})
	for name, test := range map[string]struct {
		certificate *tls.Certificate
		password    bool // that of w
		lists       codes.Code
		restarts    codes.Code
	}{
		"a reader's":   {certified(t, "r", soon, ca), false, codes.OK, codes.PermissionDenied},
		"a writer's":   {certified(t, "w", soon, ca), false, codes.OK, codes.OK},
		"it counts":    {certified(t, "r", soon, ca), true, codes.OK, codes.PermissionDenied},
		"nobody's":     {certified(t, "x", soon, ca), true, codes.Unauthenticated, codes.Unauthenticated},
		"a stranger's": {certified(t, "w", soon, stranger), true, codes.Unauthenticated, codes.Unauthenticated},
		"an expired":   {certified(t, "w", time.Now().Add(-time.Minute), ca), true, codes.Unauthenticated, codes.Unauthenticated},
		"none":         {nil, false, codes.Unauthenticated, codes.Unauthenticated},
		"a password":   {nil, true, codes.OK, codes.OK},
	} {
		config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if test.certificate != nil {
			config.Certificates = []tls.Certificate{*test.certificate}
		}
		wire, err := grpc.NewClient(k.address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Context(k.ctx())
		if test.password {
			ctx = as(ctx, "w", "writing")
		}
		c := persistent.NewPersistentSubscriptionsClient(wire)
		if _, err := c.List(ctx, &persistent.ListReq{}); status.Code(err) != test.lists {
			t.Errorf("%s: listing: %v", name, err)
		}
		if _, err := c.ReplayParked(ctx, &persistent.ReplayParkedReq{Options: &persistent.ReplayParkedReq_Options{GroupName: "g", StreamOption: &persistent.ReplayParkedReq_Options_All{All: &shared.Empty{}}}}); status.Code(err) != test.restarts && (test.restarts != codes.OK || status.Code(err) != codes.NotFound) {
			t.Errorf("%s: replaying: %v", name, err)
		}
		if err := wire.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
