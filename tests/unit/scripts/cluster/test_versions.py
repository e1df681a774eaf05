import re

import pytest

from scripts.cluster.versions import version, versions


def test_versions_carry_no_leading_v_except_a_code_name() -> None:
    plain = re.compile(r"\d+\.\d+\.\d+(-\d+)?")
    odd = {name for name, pinned in versions().items() if not plain.fullmatch(pinned)}
    assert odd == {"debian"}


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"has no kserv; it has .*kserve"):
        version("kserv")
