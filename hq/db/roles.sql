-- Makes HQ's roles and its database. Run once, before the first migration, by the cluster's administrator:
--
--     psql -v database=hq -f hq/db/roles.sql
--
-- Running it again changes nothing. The roles have no passwords: give them some with \password, or use certificates.
--
--   hq_owner   owns the database and migrates it. Row security binds it as well.
--   hq_app     what HQ runs as. It owns nothing, and each migration grants it only what a table needs.
--   hq_lookup  cannot sign in. Owns the few functions that must look before a tenant is known.
--   hq_edge    what serves published artifacts runs as. It reads what it serves, and writes who came.

\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database hq
\endif
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I %s', role, attributes)
FROM (VALUES
  ('hq_owner', 'LOGIN NOINHERIT'),
  ('hq_app', 'LOGIN NOINHERIT'),
  ('hq_edge', 'LOGIN NOINHERIT'),
  ('hq_lookup', 'NOLOGIN NOINHERIT')
) AS wanted (role, attributes)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

-- Whatever they were before, none of them stands above row security.
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOREPLICATION', rolname)
FROM pg_roles
WHERE rolname IN ('hq_owner', 'hq_app', 'hq_edge', 'hq_lookup') AND (rolsuper OR rolcreaterole OR rolbypassrls OR rolreplication)
\gexec

-- The owner may hand a function to hq_lookup, yet must not see what hq_lookup sees: policies follow inherited membership.
SELECT current_setting('server_version_num')::int >= 160000 AS has_inherit_option \gset
\if :has_inherit_option
  GRANT hq_lookup TO hq_owner WITH INHERIT FALSE, SET TRUE;
\else
  ALTER ROLE hq_owner NOINHERIT;
  GRANT hq_lookup TO hq_owner;
\endif

-- An administrator without superuser (a managed service) must be a member to give the database away.
SELECT format('GRANT hq_owner TO %I', current_user)
WHERE NOT pg_has_role(current_user, 'hq_owner', 'MEMBER')
\gexec

SELECT format('CREATE DATABASE %I OWNER hq_owner ENCODING ''UTF8'' TEMPLATE template0', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO hq_app, hq_edge', :'database') \gexec

\connect :"database"
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
-- It belongs to the database's owner through pg_database_owner, which on PostgreSQL 15 a role that does not inherit is not.
ALTER SCHEMA public OWNER TO hq_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO hq_app, hq_edge, hq_lookup;
