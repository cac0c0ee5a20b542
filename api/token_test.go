package api

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/domain"
)

func testTokens(t *testing.T, salt string, now func() time.Time, secrets ...string) *Tokens {
	t.Helper()
	tokens, err := NewTokens(&testKeys{salt: salt}, now, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var refused *domain.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("want %s, got %v", code, err)
	}
}

func TestATokenSaysWhoAndEnds(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tokens := testTokens(t, "", func() time.Time { return now })
	text, err := tokens.MintClaims(Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: "v1"}, Role: domain.RoleVisitor, Widget: "w"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is remembered
		c, err := tokens.Verify(text)
		if err != nil || c.Subject != "v1" || c.Role != domain.RoleVisitor || c.Widget != "w" || c.ID == "" {
			t.Fatalf("%+v %v", c, err)
		}
	}
	now = now.Add(time.Minute)
	for range 2 { // remembered, then forgotten
		_, err = tokens.Verify(text)
		wantCode(t, err, "token_expired")
	}
}

func TestATokenOfAnotherMakeIsRefused(t *testing.T) {
	tokens := testTokens(t, "", time.Now)
	claims := func() jwt.MapClaims {
		return jwt.MapClaims{"sub": "a1", "role": "admin", "iss": "parley", "exp": time.Now().Add(time.Hour).Unix()}
	}
	sign := func(m jwt.SigningMethod, kid string, c jwt.MapClaims, key any) string {
		token := jwt.NewWithClaims(m, c)
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	without := func(name string) jwt.MapClaims {
		c := claims()
		delete(c, name)
		return c
	}
	with := func(name string, value any) jwt.MapClaims {
		c := claims()
		c[name] = value
		return c
	}
	other := testTokens(t, "other", time.Now)
	good := sign(jwt.SigningMethodEdDSA, tokens.kid, claims(), tokens.sign)
	if _, err := tokens.Verify(good); err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	for what, text := range map[string]string{
		"nothing":            "",
		"no token":           "abc",
		"alg none":           sign(jwt.SigningMethodNone, tokens.kid, claims(), jwt.UnsafeAllowNoneSignatureType),
		"HMAC by public key": sign(jwt.SigningMethodHS256, tokens.kid, claims(), []byte(tokens.verify[tokens.kid])),
		"wrong key":          sign(jwt.SigningMethodEdDSA, tokens.kid, claims(), other.sign),
		"unknown kid":        sign(jwt.SigningMethodEdDSA, other.kid, claims(), other.sign),
		"no kid":             sign(jwt.SigningMethodEdDSA, "", claims(), tokens.sign),
		"no end":             sign(jwt.SigningMethodEdDSA, tokens.kid, without("exp"), tokens.sign),
		"no subject":         sign(jwt.SigningMethodEdDSA, tokens.kid, without("sub"), tokens.sign),
		"no issuer":          sign(jwt.SigningMethodEdDSA, tokens.kid, without("iss"), tokens.sign),
		"role system":        sign(jwt.SigningMethodEdDSA, tokens.kid, with("role", "system"), tokens.sign),
		"not yet":            sign(jwt.SigningMethodEdDSA, tokens.kid, with("nbf", time.Now().Add(time.Hour).Unix()), tokens.sign),
		"no signature":       head + "." + body + ".",
		"another body":       head + "." + body + "x." + signature,
	} {
		if _, err := tokens.Verify(text); err == nil {
			t.Errorf("%s: taken", what)
		} else {
			wantCode(t, err, "invalid_token")
		}
	}
}

func TestTokensOfAFormerKeyCountWhileItIsNamed(t *testing.T) {
	former := testTokens(t, "", time.Now, "tokens")
	text, err := former.Mint("a1", domain.RoleAgent, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := testTokens(t, "", time.Now, "tokens-2", "tokens").Verify(text); err != nil {
		t.Error(err)
	}
	_, err = testTokens(t, "", time.Now, "tokens-2").Verify(text)
	wantCode(t, err, "invalid_token")
}

func TestNobodyMintsForNobody(t *testing.T) {
	tokens := testTokens(t, "", time.Now)
	for _, c := range []struct {
		id, role string
		ttl      time.Duration
	}{{"", "agent", time.Hour}, {"a b", "agent", time.Hour}, {"a", "king", time.Hour}, {"a", "system", time.Hour}, {"a", "agent", 0}} {
		if _, err := tokens.Mint(c.id, c.role, c.ttl); err == nil {
			t.Errorf("minted %+v", c)
		}
	}
}

func TestRememberedTokensAreBounded(t *testing.T) {
	v := verifiedTokens{claims: newAging[[32]byte, Claims](maxVerified)}
	hash := func(i int) [32]byte { return [32]byte{byte(i), byte(i >> 8), byte(i >> 16)} }
	for i := range 3 * maxVerified {
		v.put(hash(i), Claims{})
		if _, ok := v.get(hash(0)); !ok {
			t.Fatalf("a token in use is forgotten after %d others", i)
		}
		if n := v.claims.len(); n > maxVerified {
			t.Fatalf("%d tokens are remembered", n)
		}
	}
	if _, ok := v.get(hash(1)); ok {
		t.Error("a token that nobody used is remembered for ever")
	}
	if v.drop(hash(0)); v.claims.len() == 0 {
		t.Error("all are forgotten")
	} else if _, ok := v.get(hash(0)); ok {
		t.Error("a dropped token is remembered")
	}
}

func TestTheKeyIDComesFromThePublicKey(t *testing.T) {
	tokens := testTokens(t, "", time.Now)
	if public := tokens.sign.Public().(ed25519.PublicKey); tokens.kid != keyID(public) || len(tokens.kid) != 8 {
		t.Error(tokens.kid)
	}
}
