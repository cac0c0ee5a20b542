package api

import "context"

// GetMe tells who the token says is asking.
func (s *Server) GetMe(ctx context.Context, _ GetMeRequestObject) (GetMeResponseObject, error) {
	c := CallerOf(ctx)
	me := GetMe200JSONResponse{Id: c.ID, Role: Role(c.Role), Conversation: some(c.Conversation), Widget: some(c.Widget)}
	if !c.Expires.IsZero() {
		until := c.Expires.UTC()
		me.Expires = &until
	}
	return me, nil
}

// ListEventNames tells every name an event was ever recorded under.
func (s *Server) ListEventNames(context.Context, ListEventNamesRequestObject) (ListEventNamesResponseObject, error) {
	return ListEventNames200JSONResponse{Names: s.engine.Codec.Kinds.Names()}, nil
}
