-- Run once, by the superuser, on an empty volume. The owner migrates; the application may change rows and nothing else,
-- and row-level security binds both: neither is a superuser nor has BYPASSRLS.
\getenv owner_password OMNI_OWNER_PASSWORD
\getenv app_password OMNI_APP_PASSWORD
-- A statement that fails would be logged, password and all.
SET log_min_error_statement = panic;
CREATE ROLE omni_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE omni_app LOGIN PASSWORD :'app_password';
CREATE DATABASE omni OWNER omni_owner;
REVOKE ALL ON DATABASE omni FROM PUBLIC;
GRANT CONNECT ON DATABASE omni TO omni_app;
