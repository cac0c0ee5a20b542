package eventstore

// EncodeSealed is Encode that gives what those who follow are given, and whether
// the event is one of which they are given it.
func (c *Codec) EncodeSealed(e any, subject string) (sealed any, data []byte, handed bool, err error) {
	_, sealed, data, err = c.encode(e, subject)
	return sealed, data, !c.shares(e), err
}

// MemKeys are keys in memory.
func MemKeys() Keys { return &memKeys{} }
