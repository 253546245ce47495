"""The errors of `remote`.

RemoteError
|-- SettingsError           the settings file cannot be used
|   |-- SettingsDamaged     it is not what castoff writes
|   |-- ProjectFileInvalid  a project's settings file cannot be used
|   |-- HostNotConfigured   no host of that name is in it
|   |-- HostInvalid         a host's name or destination cannot be used
|   `-- CloudInitInvalid    user data for a new machine cannot be made of what was given
|-- ConnectError            no connection to the host
|   |-- UnknownHost         its name leads to no address
|   |-- HostUnreachable     nothing answers there, or no SSH
|   |-- AuthenticationRefused   the host accepts none of the keys
|   |-- IdentityUnusable    the private key cannot be read
|   `-- HostKeyError        the host's key is not the one we trust
|       |-- HostKeyUnknown  it was never seen before
|       |-- HostKeyChanged  another one is pinned
|       `-- HostKeyRevoked  it is marked as revoked
|-- ConnectionLost          the link broke before the answer was complete
|-- HostTimeout             a command on the host took too long
|-- HostNoisy               its login shell prints text of its own
|-- CommandFailed           a command on the host ended with another status than 0
|-- HostLacks               programs are missing on the host
|-- LocalLacks              programs are missing, or too old, here
|-- HostFull                no space left on the host
|-- LocalFull               no space left here
|-- RsyncFailed             a transfer failed
|-- RuntimeSetupFailed      castoff's runtime cannot be installed on the host
|-- AgentInstallFailed      an agent cannot be installed on the host
|-- ProgramsUnknown         which programs a run would find on the host cannot be told
|-- SandboxUnavailable      the sandbox cannot be built as asked
|-- RebootUnready           nothing can take the host's runs up after a restart
|-- TerminalFailed          tmux did not do as told
|-- DemoFailed              the demo cannot be set up or removed
`-- EmbeddedHostFailed      the demo's own host does not start
"""

import errno


class RemoteError(Exception):
    """Base: ``str(error)`` is a sentence for the user, ``way_out`` what they can do, ``code`` is for programs."""

    code = "remote"

    def __init__(self, sentence: str, way_out: str = "", *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.way_out = way_out
        if code is not None:
            self.code = code


class SettingsError(RemoteError):
    """The settings file cannot be used."""

    code = "settings"


class RepliesFailed(RemoteError):
    """Answers by phone could not be fetched now. Its text names no URL."""

    code = "replies"


class SettingsDamaged(SettingsError):
    """The settings file is not what castoff writes."""

    code = "settings-damaged"


class ProjectFileInvalid(SettingsError):
    """A project's settings file is not what it should be."""

    code = "project-file"


class HostNotConfigured(SettingsError):
    """No host of that name is in the settings."""

    code = "host-not-configured"


class HostInvalid(SettingsError):
    """A host's name, destination or port cannot be used."""

    code = "host-invalid"


class CloudInitInvalid(SettingsError):
    """User data cannot be made of what was given."""

    code = "cloud-init"


class ConnectError(RemoteError):
    """No connection to the host came about; nothing was done there."""

    code = "connect"


class UnknownHost(ConnectError):
    """The host's name leads to no address."""

    code = "unknown-host"


class HostUnreachable(ConnectError):
    """Nothing answers at the address, or what answers is no SSH server we can talk to."""

    code = "host-unreachable"


class AuthenticationRefused(ConnectError):
    """The host accepts none of the keys offered."""

    code = "authentication-refused"


class IdentityUnusable(ConnectError):
    """The private key cannot be read, or its passphrase is wrong or missing."""

    code = "identity-unusable"


class HostKeyError(ConnectError):
    """The key that the host showed is not one we trust. ``fingerprint`` is that key's, as OpenSSH writes it."""

    code = "host-key"

    def __init__(self, sentence: str, way_out: str = "", *, fingerprint: str = "") -> None:
        super().__init__(sentence, way_out)
        self.fingerprint = fingerprint


class HostKeyUnknown(HostKeyError):
    """The host was never connected to before and its key was not agreed to."""

    code = "host-key-unknown"


class HostKeyChanged(HostKeyError):
    """Another key is pinned: ``pinned`` holds the fingerprints of those known."""

    code = "host-key-changed"

    def __init__(self, sentence: str, way_out: str = "", *, fingerprint: str, pinned: tuple[str, ...]) -> None:
        super().__init__(sentence, way_out, fingerprint=fingerprint)
        self.pinned = pinned


class HostKeyRevoked(HostKeyError):
    """The key is marked as revoked."""

    code = "host-key-revoked"


class ConnectionLost(RemoteError):
    """The link broke before the answer was complete: whether the command ran is not known."""

    code = "connection-lost"


class HostTimeout(RemoteError):
    """A command on the host did not end in time."""

    code = "host-timeout"


class HostNoisy(RemoteError):
    """The login shell prints text of its own, which would end up in the middle of transfers."""

    code = "host-noisy"


class CommandFailed(RemoteError):
    """A command on the host ended with a status other than 0; ``stderr`` is the head of what it said."""

    code = "command-failed"

    def __init__(self, sentence: str, way_out: str = "", *, status: int, stderr: str = "") -> None:
        super().__init__(sentence, way_out)
        self.status = status
        self.stderr = stderr


class HostLacks(RemoteError):
    """Programs in ``missing`` are not on the host."""

    code = "host-lacks"

    def __init__(self, sentence: str, way_out: str = "", *, missing: tuple[str, ...] = ()) -> None:
        super().__init__(sentence, way_out)
        self.missing = missing


class LocalLacks(RemoteError):
    """A program is missing here, or too old to be safe."""

    code = "local-lacks"


class HostFull(RemoteError):
    """No space, or no inode, is left on the host."""

    code = "host-full"


class LocalFull(RemoteError):
    """No space is left on this machine."""

    code = "local-full"


class RsyncFailed(RemoteError):
    """A transfer failed; ``status`` is rsync's exit status, ``stderr`` the tail of what both ends said."""

    code = "rsync-failed"

    def __init__(self, sentence: str, way_out: str = "", *, status: int, stderr: str = "") -> None:
        super().__init__(sentence, way_out)
        self.status = status
        self.stderr = stderr


class RuntimeSetupFailed(RemoteError):
    """Castoff's runtime cannot be installed on the host; nothing half-made stays there."""

    code = "runtime-setup-failed"


class AgentInstallFailed(RemoteError):
    """An agent cannot be installed on the host; nothing half-made stays there."""

    code = "agent-install-failed"


class ProgramsUnknown(RemoteError):
    """Which programs a run finds on the host cannot be told; nothing else depends on it."""

    code = "programs-unknown"


class SandboxUnavailable(RemoteError):
    """The sandbox cannot be built as asked."""

    code = "sandbox-unavailable"


class RebootUnready(RemoteError):
    """Nothing can take the host's runs up after a restart."""

    code = "reboot-unready"


class TerminalFailed(RemoteError):
    """Tmux is missing or did not do as told."""

    code = "tmux-failed"


class DemoFailed(RemoteError):
    """The demo cannot be set up, goes wrong, or cannot be removed."""

    code = "demo"


class EmbeddedHostFailed(RemoteError):
    """The demo's own host does not start."""

    code = "embedded-host-failed"


def local_failure(error: OSError) -> RemoteError:
    """The error for what the system refused on this machine."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LocalFull("No space is left on this machine.", "Make room, then run the same command again.")
    what = f"{error.strerror}: {error.filename}" if error.strerror and error.filename else str(error)
    return RemoteError(f"This machine refused: {what}.", "Run the same command again when that is mended.", code="io")
