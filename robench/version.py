"""The version of robench."""

VERSION = "0.1.0"
