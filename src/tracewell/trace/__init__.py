"""The Trace product: company intelligence over HTTP, paid in credits."""
