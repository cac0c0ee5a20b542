package esdbnode

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"parley/domain"
	"parley/eventstore"
)

// failure is a refusal with the trailers by which clients know it.
type failure struct {
	code     codes.Code
	message  string
	trailers metadata.MD
}

func (f *failure) Error() string              { return f.message }
func (f *failure) GRPCStatus() *status.Status { return status.New(f.code, f.message) }

// refuse makes a refusal; trailers are names and values in turn.
func refuse(code codes.Code, exception, message string, trailers ...string) *failure {
	md := metadata.Pairs("exception", exception)
	for i := 0; i < len(trailers); i += 2 {
		md.Set(trailers[i], printable(trailers[i+1]))
	}
	return &failure{code: code, message: strings.ToValidUTF8(message, "\uFFFD"), trailers: md}
}

// printable writes as %XX what a trailer cannot hold: all but printable ASCII.
func printable(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func invalid(format string, args ...any) error {
	return status.Error(codes.InvalidArgument, strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD"))
}

func denied(format string, args ...any) error {
	return refuse(codes.PermissionDenied, "access-denied", fmt.Sprintf(format, args...))
}

func deleted(stream string) error {
	return refuse(codes.FailedPrecondition, "stream-deleted", fmt.Sprintf("Event stream '%s' is deleted.", stream), "stream-name", stream)
}

func missing(property string) error {
	return refuse(codes.InvalidArgument, "missing-required-metadata-property", fmt.Sprintf("Required Metadata Property '%s' is missing", property), "missing-required-metadata-properties", property)
}

func tooLarge() error {
	return refuse(codes.InvalidArgument, "maximum-append-size-exceeded",
		fmt.Sprintf("Maximum Append Size of %d Exceeded.", eventstore.MaxAppend), "maximum-append-size", strconv.Itoa(eventstore.MaxAppend))
}

// wrongVersion is how Delete and Tombstone refuse; Append answers instead.
func wrongVersion(stream string, e expectation, actual int64) error {
	return refuse(codes.FailedPrecondition, "wrong-expected-version",
		fmt.Sprintf("Append failed due to WrongExpectedVersion. Stream: %s, Expected version: %d, Actual version: %d", stream, e.number(), actual),
		"stream-name", stream, "expected-version", strconv.FormatInt(e.number(), 10), "actual-version", strconv.FormatInt(actual, 10))
}

// trailer is what carries trailers back: a stream, or a unary call's context.
type trailer interface{ SetTrailer(metadata.MD) }

// unaryTrailer is that of a unary call.
type unaryTrailer struct{ ctx context.Context }

func (u unaryTrailer) SetTrailer(md metadata.MD) {
	// The error says the call is over: then nobody waits for trailers.
	_ = grpc.SetTrailer(u.ctx, md)
}

// nowhere takes no trailers.
type nowhere struct{}

func (nowhere) SetTrailer(metadata.MD) {}

// answer turns an error into what clients understand.
func answer(t trailer, err error) error {
	var f *failure
	var refused *domain.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		t.SetTrailer(f.trailers)
		return f
	case errors.Is(err, eventstore.ErrTooLarge):
		return answer(t, tooLarge())
	case errors.Is(err, eventstore.ErrLogMoved):
		return status.Error(codes.InvalidArgument, "the position is beyond the end of the log: it belongs to another log, or to this one before it was restored")
	case errors.Is(err, eventstore.ErrClosed):
		return status.Error(codes.Unavailable, "the log is closed")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the caller went away")
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the caller's time is over")
	case errors.As(err, &refused):
		return status.Error(codes.InvalidArgument, refused.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Internal, err.Error())
}
