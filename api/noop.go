package api

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"parley/domain"
)

// NoopHandler answers every request at once, behind what any service has in
// front of its work: recover, a request id, a limit of the body, and a token
// that was verified before. It is what a benchmark holds the engine against.
func NoopHandler(tokens *Tokens) http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Use(middleware.Recover(), middleware.RequestID(), middleware.BodyLimit("1M"))
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			text, given := bearer(c.Request(), false)
			if !given {
				return c.NoContent(http.StatusUnauthorized)
			}
			if _, err := tokens.Verify(text); err != nil {
				return c.NoContent(http.StatusUnauthorized)
			}
			return next(c)
		}
	})
	e.POST("/v1/conversations/:conversation/messages", func(c echo.Context) error {
		if !domain.ValidID(c.Param("conversation")) {
			return c.NoContent(http.StatusBadRequest)
		}
		return c.JSON(http.StatusCreated, map[string]string{"conversation": c.Param("conversation"), "message": "nothing was done"})
	})
	return e
}
