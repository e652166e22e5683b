//go:build tools

// Package tools keeps the requirement that `go mod tidy` would drop: the CLI is built by path.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
