package embedded

import (
	"encoding/binary"
	"fmt"
	"io"
)

// load reads all slots; fresh is true for a file in which nothing was ever
// acknowledged. Slots that a crash left unwritten, and that nobody was told
// of, are made void; any other bad slot is damage.
func (k *Keys) load() (fresh bool, err error) {
	info, err := k.file.Stat()
	if err != nil {
		return false, err
	}
	all := make([]byte, info.Size())
	if _, err := k.file.ReadAt(all, 0); err != nil && err != io.EOF {
		return false, err
	}
	k.filled = uint32(len(all) / slotSize)
	acknowledged, fresh, err := k.loadHeader(all)
	if err != nil || fresh {
		return fresh, err
	}
	var holes []uint32
	for at := uint32(1); int(at+1)*slotSize <= len(all); at++ {
		s, never, what := decodeSlot(all[int(at)*slotSize : int(at+1)*slotSize])
		switch {
		case what != "":
			return false, damaged(what, "slot %d of %s", at, k.name)
		case never && at <= acknowledged:
			return false, damaged("it is empty", "slot %d of %s", at, k.name)
		case never:
			holes = append(holes, at)
			continue
		}
		k.count = at
		if s.state == slotVoid {
			continue
		}
		if other := k.slots[s.subject]; other != nil || s.state == slotHeader {
			return false, damaged(fmt.Sprintf("%q has a slot already", s.subject), "slot %d of %s", at, k.name)
		}
		k.slots[s.subject] = &place{slot: s, at: at}
	}
	if k.count < acknowledged {
		return false, damaged(fmt.Sprintf("it ends at slot %d of %d", k.count, acknowledged), "the file %s", k.name)
	}
	for _, at := range holes {
		if at < k.count {
			if err := k.put((&slot{state: slotVoid}).encode(), at); err != nil {
				return false, err
			}
		}
	}
	k.durable = k.count
	return false, k.file.Sync() // what was read may be in the machine's memory only
}

// loadHeader gives the number of slots that must be good.
func (k *Keys) loadHeader(all []byte) (acknowledged uint32, fresh bool, err error) {
	where := "the header of " + k.name
	never := true
	for _, b := range all {
		never = never && b == 0
	}
	if never {
		return 0, true, nil
	}
	if len(all) < slotSize {
		return 0, false, damaged("the file is too short", "%s", where)
	}
	h, empty, what := decodeSlot(all[:slotSize])
	switch {
	case what != "":
		return 0, false, damaged(what, "%s", where)
	case empty || h.state != slotHeader:
		return 0, false, damaged("it is no header", "%s", where)
	case h.subject != keyFileName:
		return 0, false, fmt.Errorf("eventstore: %s says it is %q, this program knows %q: use the parley that wrote it, or a newer one", k.name, h.subject, keyFileName)
	}
	return binary.BigEndian.Uint32(h.key[:]), false, nil
}
