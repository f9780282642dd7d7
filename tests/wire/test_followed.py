"""Which targets of a name are remembered, and for how long."""

from __future__ import annotations

from phone_daemon.wire.followed import LEFT_S, TRUSTED_S, Followed
from phone_daemon.wire.srv import Target

OLD, NEW = Target("192.0.2.1", 5060), Target("192.0.2.2", 5060)


def test_a_name_that_leads_elsewhere_has_left_its_old_target_once_several_answers_lack_it() -> None:
    followed = Followed()
    followed.take([OLD], 0)
    followed.take([NEW], 30)
    assert not followed.has_left(str(OLD), LEFT_S)
    assert followed.has_left(str(OLD), LEFT_S + 1)
    assert not followed.has_left(str(NEW), LEFT_S + 1)


def test_a_name_whose_answers_rotate_has_left_none_of_its_targets() -> None:
    followed = Followed()
    for at in range(0, 600, 30):
        followed.take([OLD if at % 60 else NEW], at)
        assert not followed.has_left(str(NEW), at)
    assert followed.known == {OLD, NEW}


def test_a_target_that_was_given_up_is_no_longer_trusted_after_a_while() -> None:
    followed = Followed()
    followed.take([OLD], 0)
    followed.take([NEW], TRUSTED_S)
    assert followed.known == {OLD, NEW}
    followed.take([NEW], TRUSTED_S + 1)
    assert followed.known == {NEW}
