// Package oauth2 is a stub with what generated clients use of golang.org/x/oauth2.
package oauth2

import "net/http"

type Token struct{ AccessToken string }

func (t *Token) SetAuthHeader(r *http.Request) {}

type TokenSource interface{ Token() (*Token, error) }
