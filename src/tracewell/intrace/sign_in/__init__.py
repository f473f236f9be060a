"""Signing people in through a browser: at an OpenID provider or a SAML identity provider."""
