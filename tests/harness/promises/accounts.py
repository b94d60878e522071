"""Faults that violate promises of accounts, such as passwords, tokens, roles, API keys and identity providers."""

from __future__ import annotations

from tests.harness.promises.definition import Break, promise

ACCOUNTS = [
    *promise(
        "template/docs/local.md: tokens are signed and expire",
        Break(
            "does not verify a token's signature",
            "app/auth/local/tokens.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_signature": False}',
            "auth/local/test_tokens.py::test_unsigned_token_is_rejected",
        ),
        Break(
            "accepts an expired token",
            "app/auth/local/tokens.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_exp": False}',
            "auth/local/test_tokens.py::test_token_with_wrong_claim_or_key_is_rejected",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: a refresh token is stored as a digest and works once; its reuse revokes the family",
        Break(
            "accepts a refresh token twice",
            "app/services/auth.py",
            "        RefreshToken.used_at.is_(None),\n",
            "",
            "auth/local/test_accounts.py::test_refresh_token_is_single_use",
        ),
        Break(
            "a reused refresh token does not revoke its family",
            "app/services/auth.py",
            "        await session.execute(delete(RefreshToken).where(RefreshToken.family == token.family))\n",
            "",
            "auth/local/test_accounts.py::test_reused_refresh_token_revokes_all_tokens_of_login",
        ),
        Break(
            "rolls the revocation back with the failed request",
            "app/auth/local/refresh_cookie.py",
            "            reused = error\n",
            "            raise error from None\n",
            "auth/local/test_accounts.py::test_revocation_after_refresh_token_reuse_is_committed",
        ),
        Break(
            "stores refresh tokens in plain text",
            "app/services/auth.py",
            "            digest=digest(secret),\n",
            "            digest=secret,\n",
            "auth/local/test_accounts.py::test_refresh_tokens_are_stored_as_digests",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: the refresh cookie is sent by no other site",
        Break(
            "accepts the refresh cookie from other origins",
            "app/auth/local/refresh_cookie.py",
            "if not self._is_trusted_origin():",
            "if False:",
            "auth/local/test_accounts.py::test_refresh_cookie_from_other_origin_returns_403",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: no answer reveals whether an account exists",
        Break(
            "a failed login reveals whether the account exists",
            "app/services/auth.py",
            '        message = "Invalid e-mail address or password."\n',
            '        message = "Wrong password." if user else "Unknown user."\n',
            "auth/local/test_accounts.py::test_failed_login_responds_alike_for_every_reason",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: guesses are throttled, and do not lock the owner out",
        Break(
            "guesses at one account from one address are unlimited",
            "app/auth/local/throttle.py",
            "if not await self.window.hit(self.pair_limit, *pair):",
            "if False:",
            "auth/local/test_throttle.py::test_guesses_of_login_and_form_share_one_limit",
        ),
        Break(
            "guesses from many addresses lock the owner out",
            "app/auth/local/throttle.py",
            "if await self.storage.get(_known_key(*pair)):",
            "if False:",
            "auth/local/test_throttle.py::test_guesses_from_many_addresses_do_not_lock_out_known_address",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: links work once",
        Break(
            "a reset link works twice",
            "app/services/auth.py",
            ' or _state(user, password_hash) != claims["state"]:',
            ":",
            "auth/local/test_accounts.py::test_password_reset_link_works_once_and_revokes_tokens",
        ),
        auth="local",
    ),
    *promise(
        "docs/guides.md: no password in a log",
        Break(
            "the repr of a password shows its hash",
            "app/models/password.py",
            'return f"Password({self.user_id})"',
            'return f"Password({self.hash})"',
            "auth/local/test_accounts.py::test_passwords_and_tokens_are_not_logged_or_returned",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/auth.md.jinja: permissions are checked; logout-everywhere revokes every token",
        Break(
            "does not check permissions",
            "app/auth/callers.py",
            "if not any(map(caller.may, self.names)):",
            "if False:",
            "architecture/test_access_policies.py::test_route_without_required_permission_returns_403",
        ),
        Break(
            "access tokens survive logout-everywhere",
            "app/auth/local/accounts.py",
            ' or user.has_revoked(datetime.fromtimestamp(claims["iat"], UTC)):',
            ":",
            "architecture/test_access_policies.py::test_logout_everywhere_revokes_earlier_tokens",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/auth.md.jinja: an API key may do what is among its scopes",
        Break(
            "an API key ignores its scopes",
            "app/auth/callers.py",
            "return self.user.may(permission) and self.has_scope(permission)",
            "return self.user.may(permission)",
            "auth/test_api_key.py::test_api_key_permission_needs_scope_and_user_role",
        ),
        Break(
            "an API key without scopes reads resources",
            "app/auth/callers.py",
            "if not caller.has_scope(*self.names):",
            "if False:",
            "architecture/test_access_policies.py::test_api_key_without_scopes_reads_no_resource",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/auth.md.jinja: a stranger reads public resources only",
        Break(
            "a resource is public",
            "app/routers/product.py",
            'READ = signed_in_or_key("products:read", "products:write")',
            "from app.auth import PUBLIC\nREAD = PUBLIC",
            "test_product.py::test_read_requires_authentication",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/oidc.md: which tokens are valid",
        Break(
            "does not verify the provider's signature",
            "app/auth/oidc/accounts.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_signature": False}',
            "auth/oidc/test_accounts.py::test_token_signed_with_other_key_returns_401",
        ),
        Break(
            "accepts a token for another audience",
            "app/auth/oidc/accounts.py",
            "audience=config.audience,",
            'audience=[config.audience, "another"],',
            "auth/oidc/test_accounts.py::test_token_with_wrong_claim_returns_401",
        ),
        Break(
            "accepts an ID token as an access token",
            "app/auth/oidc/token_types.py",
            "return TokenType.JWT if ID_TOKEN_CLAIMS.isdisjoint(claims) else TokenType.ID",
            "return TokenType.JWT",
            "auth/oidc/test_accounts.py::test_id_token_returns_401_unless_configured",
        ),
        Break(
            "accepts a key-bound token without proof of possession",
            "app/auth/oidc/token_types.py",
            'return "cnf" in claims',
            'return "jkt" in claims',
            "auth/oidc/test_accounts.py::test_token_that_is_no_bearer_access_token_returns_401",
        ),
        auth="oidc",
    ),
    *promise(
        "template/docs/oidc.md: an address has to be verified",
        Break(
            "links accounts by an unverified address",
            "app/auth/oidc/accounts.py",
            'source.get("email_verified") is True and',
            'source.get("email_verified") and',
            "auth/oidc/test_accounts.py::test_unverified_email_returns_403",
        ),
        Break(
            "verifies an address of userinfo by a claim of the token",
            "app/auth/oidc/accounts.py",
            "    address = find_claim(source, config.email_claim)\n",
            "    source = {**source, **claims}\n    address = find_claim(source, config.email_claim)\n",
            "auth/oidc/test_accounts.py::test_verification_in_token_does_not_verify_address_of_userinfo",
        ),
        auth="oidc",
    ),
    *promise(
        "template/docs/oidc.md: 503 while the provider is unavailable and no key is known",
        Break(
            "returns 500 while the provider is unavailable",
            "app/auth/oidc/provider.py",
            "            raise Unavailable(UNAVAILABLE)\n        return self.keys[name]",
            "            raise KeyError(name)\n        return self.keys[name]",
            "auth/oidc/test_accounts.py::test_request_during_identity_provider_outage_returns_503",
        ),
        auth="oidc",
    ),
]
