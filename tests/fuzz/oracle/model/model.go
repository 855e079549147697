// Package model has the types of the dots under the names that Infisical's operator gives them.
package model

type SecretTemplateOptions struct {
	Value      string `json:"value"`
	SecretPath string `json:"secretPath"`
}
