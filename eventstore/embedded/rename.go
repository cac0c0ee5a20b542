package embedded

import (
	"bytes"
	"errors"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"

	"parley/eventstore"
)

// Rename gives the log in a folder that nobody has open a new name, and answers
// it. A log that was restored from a backup goes on differently from the one
// that was lost: under a new name no position of that one is taken for one of
// this. Marks that hold positions are moved along. It is for a copy that
// nobody relies on yet: broken off half way it leaves a log that cannot be
// opened.
func Rename(o Options) (store string, err error) {
	l, err := Open(o)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if store, err = newName(); err != nil {
		return "", err
	}
	b := l.db.NewBatch()
	if err := b.Set(keyStore, []byte(store), nil); err != nil {
		return "", err
	}
	for name, m := range l.marks.all {
		position, own := strings.CutPrefix(string(m.Value), l.store+":")
		if !own {
			continue
		}
		m = eventstore.Mark{Revision: m.Revision, Value: []byte(store + ":" + position)}
		if err := b.Set(markKey(nil, name), encodeMark(m), nil); err != nil {
			return "", err
		}
	}
	l.writer.wrote = true // nobody else has this log
	if err := l.sure(b.Commit(pebble.Sync)); err != nil {
		return "", l.damage(err)
	}
	l.store = store
	return store, writeFormat(l.fs, l.dir, store)
}

// HasKeys tells whether a folder holds keys at all.
func HasKeys(o Options) (bool, error) {
	o.complete()
	file, err := o.FS.Stat(o.FS.PathJoin(o.Dir, keysFile))
	if oserror.IsNotExist(err) {
		return false, nil
	}
	return err == nil && file.Size() > 0, err
}

// Knows tells whether a subject ever had a key here: it may be destroyed.
func (k *Keys) Knows(subject string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, err := k.settle(subject)
	return p != nil, err
}

// Same tells whether the secret of a name is there, without making it, and is
// this one.
func (k *Keys) Same(name string, is func(secret []byte) bool) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, err := k.settle("secret/" + name)
	if err != nil || p == nil || p.state != slotSecret {
		return false, err
	}
	return is(bytes.Clone(p.key[:])), nil
}
