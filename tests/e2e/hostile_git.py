"""Hostile runs: repositories that run commands."""

import os
import shutil
import subprocess
from collections.abc import Callable

from tests.e2e.hostile import Act, Case, Vm

_ATTRIBUTES = "*.txt filter=evil diff=evil merge=evil\n"
_GITFILE = "gitdir: {outside}/repository\n"
NEUTRAL = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": os.environ["PATH"]}


def _config(*lines: str, attributes: bool = False) -> Callable[[str], Act]:
    """Settings of the returned repository; ``{command}`` is the planted one."""

    def make(name: str) -> Act:
        def act(vm: Vm) -> None:
            quoted = vm.command(name).replace("\\", "\\\\").replace('"', '\\"')
            text = "".join(f"{line}\n" for line in lines).replace("{command}", f'"{quoted}"')
            with (vm.tree / ".git/config").open("a") as file:
                file.write(text.replace("{outside}", str(vm.outside)))
            if attributes:
                vm.plant(".gitattributes", _ATTRIBUTES)

        return act

    return make


_SETTINGS: dict[str, Callable[[str], Act]] = {
    "fsmonitor": _config("[core]", "fsmonitor = {command}"),
    "external-diff": _config("[diff]", "external = {command}"),
    "diff-driver": _config('[diff "evil"]', "command = {command}", attributes=True),
    "textconv": _config('[diff "evil"]', "textconv = {command}", attributes=True),
    "pager": _config("[core]", "pager = {command}", "[pager]", "log = {command}", "status = {command}"),
    "filter-clean": _config('[filter "evil"]', "clean = {command}", "required = true", attributes=True),
    "filter-smudge": _config('[filter "evil"]', "smudge = {command}", attributes=True),
    "filter-process": _config('[filter "evil"]', "process = {command}", attributes=True),
    "merge-driver": _config('[merge "evil"]', "driver = {command}", attributes=True),
    "ssh-command": _config("[core]", "sshCommand = {command}", '[remote "origin"]', "url = ssh://x.invalid/y"),
    "askpass-and-helper": _config("[core]", "askPass = {command}", "[credential]", "helper = !{command}"),
    "editor": _config("[core]", "editor = {command}", "[sequence]", "editor = {command}"),
    "gpg-program": _config("[gpg]", "program = {command}", "[log]", "showSignature = true"),
    "alias": _config("[alias]", "st = !{command}", "status = !{command}"),
    "upload-pack": _config('[remote "origin"]', "url = .", "uploadpack = {command}"),
}


def _hooks_path(name: str) -> Act:
    def act(vm: Vm) -> None:
        for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction"):
            vm.script(f"tools/{hook}", name)
        with (vm.tree / ".git/config").open("a") as file:
            file.write("[core]\nhooksPath = tools\n")

    return act


def _include(name: str) -> Act:
    def act(vm: Vm) -> None:
        quoted = vm.command(name).replace('"', '\\"')
        vm.plant("settings.inc", f'[core]\nfsmonitor = "{quoted}"\n')
        with (vm.tree / ".git/config").open("a") as file:
            file.write("[include]\npath = ../settings.inc\n")

    return act


def _hooks(name: str) -> Act:
    def act(vm: Vm) -> None:
        for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
            vm.script(f".git/hooks/{hook}", name)

    return act


def _git_attributes_of_its_own(vm: Vm) -> None:
    _SETTINGS["filter-clean"]("info-attributes")(vm)
    (vm.tree / ".gitattributes").unlink()
    vm.plant(".git/info/attributes", _ATTRIBUTES)


def _git_is_a_file(vm: Vm) -> None:
    shutil.rmtree(vm.tree / ".git")
    vm.plant(".git", _GITFILE.format(outside=vm.outside))


def _git_is_a_link(vm: Vm) -> None:
    (vm.tree / ".git").rename(vm.home / "moved.git")
    (vm.tree / ".git").symlink_to(vm.outside / "repository")


def _git_is_gone(vm: Vm) -> None:
    shutil.rmtree(vm.tree / ".git")


def _head_is_nonsense(vm: Vm) -> None:
    (vm.tree / ".git/HEAD").write_text("ref: refs/heads/../../../../etc/passwd\n")


def _borrowed_objects(vm: Vm) -> None:
    vm.plant(".git/objects/info/alternates", f"{vm.outside}/objects\n")


def _common_directory(vm: Vm) -> None:
    vm.plant(".git/commondir", f"{vm.outside}/common\n")


def _inner_repository(vm: Vm) -> None:
    """Somebody else's repository in a folder, with hooks and settings; its files may come, its ``.git`` may not."""
    vm.plant("inner/file.txt")
    _git("init", "--quiet", vm.tree / "inner")
    command = vm.command("inner-repository").replace('"', '\\"')
    with (vm.tree / "inner/.git/config").open("a") as file:
        file.write(f'[core]\nfsmonitor = "{command}"\n')
    vm.script("inner/.git/hooks/post-index-change", "inner-repository")


def _bare_repository(vm: Vm) -> None:
    """A folder that git takes for a repository as soon as somebody works in it."""
    bare = vm.tree / "fixture"
    _git("init", "--quiet", "--bare", bare)
    command = vm.command("bare-repository").replace('"', '\\"')
    (bare / "config").write_text(
        f'[core]\nrepositoryformatversion = 0\nbare = false\nworktree = ..\nfsmonitor = "{command}"\n'
    )
    # Git keeps no empty folders, and without these it is no repository.
    vm.plant("fixture/refs/keep")
    vm.plant("fixture/objects/keep")


def _bare_repository_by_commondir(vm: Vm) -> None:
    """The same in two parts: a folder with a HEAD, and what it shares elsewhere in the tree."""
    command = vm.command("bare-by-commondir").replace('"', '\\"')
    vm.plant("shared/config", f'[core]\nrepositoryformatversion = 0\nbare = false\nfsmonitor = "{command}"\n')
    vm.plant("shared/refs/keep")
    vm.plant("shared/objects/keep")
    vm.plant("fixture/HEAD", "ref: refs/heads/main\n")
    vm.plant("fixture/commondir", "../shared\n")
    vm.plant("fixture/refs/keep")


def _modules(*lines: str, path: str = "sub") -> Act:
    def act(vm: Vm) -> None:
        body = "".join(f"\t{line}\n" for line in lines).replace("{command}", vm.command("submodule"))
        vm.plant(".gitmodules", body)
        _git("-C", vm.tree, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")

    return act


def _obeyed(path: str) -> Act:
    """A file that the laptop's own settings name: what is in it would be obeyed at once."""

    def act(vm: Vm) -> None:
        if path == "obeyed.inc":
            command = vm.command("laptop-include").replace('"', '\\"')
            vm.plant(path, f'[core]\nfsmonitor = "{command}"\n')
        else:
            vm.script(path, "laptop-hooks-path")

    return act


def _git(*words: object) -> None:
    subprocess.run(["git", *map(str, words)], check=True, capture_output=True, env=NEUTRAL)


_UPDATE = (("submodule", "init"), ("submodule", "update", "--init", "--recursive"), ("fetch", "--recurse-submodules"))
_MODULES = {
    "external-url": ('[submodule "sub"]', "path = sub", "url = ext::sh -c {command}"),
    "url-is-an-option": ('[submodule "sub"]', "path = sub", "url = -u./evil"),
    "path-is-an-option": ('[submodule "sub"]', "path = -sub", "url = ./x"),
    "path-outside": ('[submodule "sub"]', "path = ../outside", "url = ./x"),
    "name-outside": ('[submodule "../../evil"]', "path = sub", "url = ./x"),
    "update-command": ('[submodule "sub"]', "path = sub", "url = ./x", "update = !{command}"),
}
_INSIDE = (("-C", "fixture", "status"), ("-C", "fixture", "diff"))
_CANNOT_LOOK = ("home", "remote", "git-failed")
_WHOLE: dict[str, Act] = {
    "work-tree-elsewhere": _config("[core]", "worktree = {outside}")("work-tree-elsewhere"),
    "settings-are-unreadable": _config("[core", "evil")("settings-are-unreadable"),
    "git-is-a-file": _git_is_a_file,
    "git-is-a-link": _git_is_a_link,
    "git-is-gone": _git_is_gone,
    "head-is-nonsense": _head_is_nonsense,
    "borrowed-objects": _borrowed_objects,
    "common-directory": _common_directory,
}
"""What git may not get over on the host: then the run stays there."""

CASES = (
    *(
        Case(f"settings-{name}", act=make(f"settings-{name}"), may=(".gitattributes",), group="settings")
        for name, make in _SETTINGS.items()
    ),
    Case("settings-hooks-path", act=_hooks_path("settings-hooks-path"), may=("tools",), group="hooks-path"),
    Case("settings-include", act=_include("settings-include"), arrives=("settings.inc",), group="hooks-path"),
    Case("hooks", act=_hooks("hooks"), group="settings"),
    Case("info-attributes", act=_git_attributes_of_its_own),
    *(Case(name, act=act, ends=_CANNOT_LOOK) for name, act in _WHOLE.items()),
    Case("inner-repository", act=_inner_repository, may=("inner",), user=(("-C", "inner", "status"),)),
    Case("bare-repository", act=_bare_repository, may=("fixture",), user=_INSIDE),
    Case("bare-repository-in-two-parts", act=_bare_repository_by_commondir, may=("fixture", "shared"), user=_INSIDE),
    Case("laptop-include", act=_obeyed("obeyed.inc")),
    Case("laptop-hooks-path", act=_obeyed("githooks/post-index-change"), may=("githooks/none",)),
    *(
        Case(f"submodule-{name}", act=_modules(*lines), may=(".gitmodules", "sub"), user=_UPDATE)
        for name, lines in _MODULES.items()
    ),
)
