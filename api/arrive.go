package api

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/eventstore"
)

// visitorTokenTime is how long a visitor's token lasts; each arrival gives a
// new one.
const visitorTokenTime = 30 * 24 * time.Hour

// ArriveAtWidget makes a browser a visitor. It is the one command that nobody
// has to be signed in for, so it is bounded by the address it comes from. A
// stranger's key names nothing: whoever guessed it would be given the visitor.
func (s *Server) ArriveAtWidget(ctx context.Context, r ArriveAtWidgetRequestObject) (ArriveAtWidgetResponseObject, error) {
	w, _, err := eventstore.Load(ctx, s.engine, &widget.Kind, r.Widget)
	switch {
	case err != nil:
		return nil, err
	case w.ID == "":
		return nil, widget.ErrUnknown
	case r.Params.Origin != nil && len(w.Origins) > 0 && !slices.Contains(w.Origins, *r.Params.Origin):
		return nil, &domain.Error{Code: "forbidden", Field: "Origin", Message: "the widget does not stand on this page: an administrator names its origins"}
	}
	m := s.meta(ctx)
	caller := CallerOf(ctx)
	id := caller.ID
	switch {
	case caller.public:
		fresh, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		id = fresh.String()
		m.Command, m.Actor = uuid.Nil, domain.Actor{ID: id, Role: domain.RoleVisitor}
	case !caller.Is(domain.RoleVisitor):
		if id, err = s.ownID(ctx, nil, "visitor"); err != nil {
			return nil, err
		}
	}
	var device visitor.Device
	if r.Body != nil && r.Body.Device != nil {
		d := r.Body.Device
		if device, err = deviceOf(*d); err != nil {
			return nil, err
		}
	}
	out, err := eventstore.Act(ctx, s.engine, &visitor.Kind, id, visitor.Arrive{ID: id, Widget: w.ID, Device: device}, m)
	if err != nil {
		return nil, err
	}
	claims := Claims{Role: domain.RoleVisitor, Widget: w.ID, Conversation: caller.Conversation}
	claims.Subject = id
	lasts := s.visitorTokenLasts(caller)
	token, err := s.tokens.MintClaims(claims, lasts)
	if err != nil {
		return nil, err
	}
	return ArriveAtWidget201JSONResponse{Visitor: id, Token: token, Expires: s.now().Add(lasts), Position: s.at(ctx, out.Position)}, nil
}

// deviceOf reads what a page tells of the browser, within the contract's bounds.
func deviceOf(d VisitorDevice) (visitor.Device, error) {
	device := visitor.Device{
		Browser: domain.Personal(lo.FromPtr(d.Browser)), System: domain.Personal(lo.FromPtr(d.System)),
		Language: domain.Personal(lo.FromPtr(d.Language)), Location: domain.Personal(lo.FromPtr(d.Location)),
	}
	for _, one := range []struct {
		field string
		text  domain.Personal
		most  int
	}{
		{"browser", device.Browser, 256}, {"system", device.System, 256}, {"language", device.Language, 64}, {"location", device.Location, 256},
	} {
		if len([]rune(string(one.text))) > one.most {
			return device, domain.Invalid("device."+one.field, strconv.Itoa(one.most)+" characters at most")
		}
	}
	return device, nil
}
