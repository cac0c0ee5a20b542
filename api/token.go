package api

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// Claims are what a token says of its bearer.
type Claims struct {
	jwt.RegisteredClaims
	Role string `json:"role"`
	// Conversation and Widget narrow a visitor's token to one of each.
	Conversation string `json:"conversation,omitempty"`
	Widget       string `json:"widget,omitempty"`
}

// roles that a token may carry: all but Parley's own.
var tokenRoles = []string{
	domain.RoleAgent, domain.RoleSupervisor, domain.RoleAdmin, domain.RoleAuditor,
	domain.RoleVisitor, domain.RoleService, domain.RoleBot,
}

// TokenRoles are the roles that a token may carry.
func TokenRoles() []string { return slices.Clone(tokenRoles) }

// issuer is who signs Parley's own tokens.
const issuer = "parley"

// Tokens signs and verifies Parley's own tokens: JWT with EdDSA over Ed25519.
// The first key signs; every key verifies, so that keys can be changed while
// tokens of the former one are still about.
type Tokens struct {
	kid      string
	sign     ed25519.PrivateKey
	verify   map[string]ed25519.PublicKey
	now      func() time.Time
	verified verifiedTokens
}

// NewTokens makes the signing keys from the store's secrets of these names, by
// default "tokens" alone.
func NewTokens(keys eventstore.Keys, now func() time.Time, secrets ...string) (*Tokens, error) {
	if len(secrets) == 0 {
		secrets = []string{"tokens"}
	}
	t := &Tokens{verify: map[string]ed25519.PublicKey{}, now: now}
	t.verified.claims = newAging[[32]byte, Claims](maxVerified)
	for i, name := range secrets {
		seed, err := keys.Secret(name)
		if err != nil {
			return nil, fmt.Errorf("api: the key that signs tokens: %w", err)
		}
		if len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("api: the key that signs tokens has %d bytes, not %d", len(seed), ed25519.SeedSize)
		}
		private := ed25519.NewKeyFromSeed(seed)
		public := private.Public().(ed25519.PublicKey)
		kid := keyID(public)
		t.verify[kid] = public
		if i == 0 {
			t.kid, t.sign = kid, private
		}
	}
	return t, nil
}

// keyID names a public key: the first 8 hex digits of its SHA-256.
func keyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])[:8]
}

// Mint signs a token for somebody in a role.
func (t *Tokens) Mint(subject, role string, ttl time.Duration) (string, error) {
	return t.MintClaims(Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: subject}, Role: role}, ttl)
}

// MintClaims signs a token that may be narrowed to a conversation or widget.
// Who signs it, when it was, when it ends and its id are filled in.
func (t *Tokens) MintClaims(c Claims, ttl time.Duration) (string, error) {
	if err := c.valid(); err != nil {
		return "", err
	}
	if ttl <= 0 {
		return "", domain.Invalid("ttl", "a token lasts for some time: give more than zero")
	}
	now := t.now()
	c.Issuer = issuer
	c.ID = uuid.NewString()
	c.IssuedAt = jwt.NewNumericDate(now)
	c.ExpiresAt = jwt.NewNumericDate(now.Add(ttl))
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["kid"] = t.kid
	text, err := token.SignedString(t.sign)
	if err != nil {
		return "", fmt.Errorf("api: sign a token: %w", err)
	}
	return text, nil
}

// valid tells whether the claims name somebody in a role.
func (c Claims) valid() error {
	if !domain.ValidID(c.Subject) {
		return domain.Invalid("sub", "an id is 1 to 64 letters, digits, dots, underscores, tildes or dashes")
	}
	if !slices.Contains(tokenRoles, c.Role) {
		return domain.Invalid("role", fmt.Sprintf("%q is no role that a token carries: take one of %v", c.Role, tokenRoles))
	}
	for field, id := range map[string]string{"conversation": c.Conversation, "widget": c.Widget} {
		if id != "" && !domain.ValidID(id) {
			return domain.Invalid(field, "an id is 1 to 64 letters, digits, dots, underscores, tildes or dashes")
		}
	}
	return nil
}

// Verify tells what a token says, once it is sure that Parley signed it and
// that it still counts. A verified token is remembered by its hash.
func (t *Tokens) Verify(text string) (Claims, error) {
	now := t.now()
	hash := sha256.Sum256([]byte(text))
	if c, ok := t.verified.get(hash); ok {
		if !now.Before(c.ExpiresAt.Time) {
			t.verified.drop(hash)
			return Claims{}, &domain.Error{Code: "token_expired"}
		}
		return c, nil
	}
	var c Claims
	_, err := jwt.ParseWithClaims(text, &c, t.key,
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(t.now), jwt.WithStrictDecoding())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, &domain.Error{Code: "token_expired"}
	case err != nil, c.valid() != nil:
		return Claims{}, &domain.Error{Code: "invalid_token"}
	}
	t.verified.put(hash, c)
	return c, nil
}

// key finds the key that a token says it was signed with.
func (t *Tokens) key(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	public, ok := t.verify[kid]
	if !ok {
		return nil, errors.New("unknown kid")
	}
	return public, nil
}

// maxVerified bounds the remembered tokens: some 600 bytes each.
const maxVerified = 1 << 16

// verifiedTokens remembers tokens by hash, never their text.
type verifiedTokens struct {
	mu     sync.Mutex
	claims aging[[32]byte, Claims]
}

func (v *verifiedTokens) get(hash [32]byte) (Claims, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.claims.get(hash)
}

func (v *verifiedTokens) drop(hash [32]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.claims.drop(hash)
}

// put remembers a token. One that is forgotten will only be verified once more.
func (v *verifiedTokens) put(hash [32]byte, c Claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.claims.put(hash, c)
}
