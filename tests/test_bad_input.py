"""What a stranger, a typing error or a dead part can do to a running daemon: nothing that one line does not tell."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import sys
import wave
from pathlib import Path

import pytest

from ops.live.daemon_process import DaemonFailed, DaemonProcess, free_port
from ops.witness.probe import Probe, Refused, no_common_codec, until
from ops.witness.rtp import RtpEnd, continuity, segments
from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.events import EndReason

BOOKING = Path(__file__).parents[1] / "fixtures/calls/books_an_appointment"


def voice() -> bytes:
    """A caller who asks for an appointment, 8 kHz 16-bit mono."""
    with wave.open(str(min(BOOKING.glob("*.wav")))) as file:
        return bytes(file.readframes(file.getnframes()))


async def run(*words: str) -> tuple[int, list[str]]:
    """Exit status and stderr lines of `python -m` words, which must not take for ever."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, errors.decode().splitlines()


async def refused(*arguments: str) -> tuple[int, list[str]]:
    """What a `phone-daemon serve` says that should not come up."""
    return await run("phone_daemon", "serve", *arguments)


def settings(folder: Path, text: str) -> str:
    file = folder / "settings.toml"
    file.write_text(text)
    return str(file)


def spoken(rtp: RtpEnd, since_ns: int = 0) -> int:
    """Packets with sound that arrived since a moment."""
    return sum(not packet.silent for packet in rtp.since(since_ns))


async def hears_agent(probe: Probe, since_ns: int = 0) -> None:
    await until(lambda: spoken(probe.rtp, since_ns) >= 10)


async def agent_done(probe: Probe) -> None:
    """Waits until the agent has said something and then nothing for half a second."""

    def done() -> bool:
        packets = list(probe.rtp.packets)
        said = segments(packets, gap_s=0.5)
        return bool(said) and packets[-1].at_ns - said[-1].last_ns > 0.5e9

    await until(done, timeout=30)


def turns(daemon: DaemonProcess) -> list[str]:
    """What the daemon understood its callers to say, in all calls."""
    files = [folder / "turns.jsonl" for folder in daemon.calls()]
    return [json.loads(line)["caller"] for file in files if file.exists() for line in file.read_text().splitlines()]


# ------------------------------------------------------------------------------------------------ before it starts


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("[sip\nport = 1", ("settings.toml:1",)),
        ("[sip]\nport = 99999\ncodecs = ['MP3']", ("port", "MP3")),
        ("colour = 'blue'", ("colour",)),
        ("dialplans = ['nowhere.toml']", ("nowhere.toml",)),
    ],
)
async def test_settings_that_cannot_be_used_are_refused_in_one_line_each(
    tmp_path: Path, text: str, telling: tuple[str, ...]
) -> None:
    code, lines = await refused("-c", settings(tmp_path, text))
    assert code == 2
    assert len(lines) == len(telling), lines
    for line, word in zip(lines, telling, strict=True):
        assert word in line
        assert "settings.toml" in line


async def test_a_dialplan_that_cannot_be_used_is_refused_in_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("greetnig = 'Hello'\n")
    code, lines = await refused("-c", settings(tmp_path, "dialplans = ['plan.toml']"))
    assert code == 2
    assert lines
    assert all("plan.toml" in line for line in lines)
    assert any("greetnig" in line for line in lines)


async def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        text = f"health_port = 0\n[state]\nurl = 'off'\n[sip]\nport = {port}"
        code, lines = await refused("-c", settings(tmp_path, text))
    assert code == 2
    assert f"127.0.0.1:{port}" in lines[-1]
    assert "set another `port`" in lines[-1]


# ------------------------------------------------------------------------------------------------ recordings


def wav(rate: int = 8000, channels: int = 1, seconds: float = 1.0) -> bytes:
    """A WAV file of 16-bit noise."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, 2, rate, 0, "NONE", ""))
        out.writeframes(os.urandom(2 * channels * round(rate * seconds)))
    return file.getvalue()


def recorded_caller(folder: Path, sound: bytes | None) -> Path:
    """A recorded caller whose one sound is this file; None: there is no file."""
    (folder / "call.toml").write_text(
        'description = "x"\ncalled = "100"\ndialplan = "dental_clinic"\n[[cue]]\nat = "1.0 s"\nsay = "a.wav"\n'
    )
    if sound is not None:
        (folder / "a.wav").write_bytes(sound)
    return folder


@pytest.mark.parametrize(
    ("sound", "complaint"),
    [
        (None, "missing"),
        (b"", "empty"),
        (wav()[:30], "a.wav"),
        (wav()[:5001], "cut short"),
        (wav(seconds=0), "no audio"),
        (b"not a recording at all, but long enough to be one", "a.wav"),
    ],
    ids=["missing", "empty", "half a header", "truncated", "no samples", "not a WAV"],
)
async def test_a_recording_that_cannot_be_used_is_named(tmp_path: Path, sound: bytes | None, complaint: str) -> None:
    code, lines = await run("ops", "replay", "--speed", "max", str(recorded_caller(tmp_path, sound)))
    assert code == 2
    (line,) = lines
    assert str(tmp_path / "a.wav") in line
    assert complaint in line


async def test_a_stereo_recording_at_44_1_khz_is_converted_and_played(tmp_path: Path) -> None:
    code, lines = await run("ops", "replay", "--speed", "max", str(recorded_caller(tmp_path, wav(44_100, 2))))
    assert code == 0, lines


# ------------------------------------------------------------------------------------------------ INVITEs

OFF = {"state": {"url": "off"}}


async def test_a_caller_without_a_codec_in_common_gets_488(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon:
        async with Probe(daemon.uri(), sdp=no_common_codec) as probe:
            with pytest.raises(Refused) as refusal:
                await probe.answered()
            assert refusal.value.code == 488
        async with Probe(daemon.uri()) as probe:  # and the next caller is served
            await probe.answered()


async def test_a_number_that_no_dialplan_answers_gets_404(tmp_path: Path) -> None:
    sections = {"dialplans": [str(SHIPPED / "parcel_line.toml")], **OFF}
    async with DaemonProcess(tmp_path / "var", sections) as daemon, Probe(daemon.uri("no-such-number")) as probe:
        with pytest.raises(Refused) as refusal:
            await probe.answered()
        assert refusal.value.code == 404


async def test_a_fifth_caller_is_told_to_come_back_and_the_four_are_undisturbed(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon:
        probes = [Probe(daemon.uri(), caller=f"caller-{n}") for n in range(4)]
        async with probes[0], probes[1], probes[2], probes[3]:
            for probe in probes:
                await probe.answered()
                await hears_agent(probe)
            async with Probe(daemon.uri(), caller="fifth") as fifth:
                with pytest.raises(Refused) as refusal:
                    await fifth.answered()
            # Busy says all there is to say (RFC 3261 section 21.4.24); unavailable has to say until when (21.5.4).
            busy = refusal.value.code == 486
            assert busy or (refusal.value.code == 503 and int(refusal.value.headers["retry-after"]) > 0)
            heard = [len(probe.rtp.packets) for probe in probes]
            for probe, before in zip(probes, heard, strict=True):
                await until(lambda probe=probe, before=before: len(probe.rtp.packets) > before + 25)  # type: ignore[misc]
                assert probe.live
                assert continuity(probe.rtp.packets).lost == 0


async def test_datagrams_that_are_not_sip_hurt_nobody(tmp_path: Path) -> None:
    garbage = [
        b"",
        b"\x00" * 1400,
        os.urandom(900),
        b"INVITE",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: \xff\xfe\r\nCSeq: x\r\n\r\n",
        b"INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n"
        b"Content-Length: 99999\r\n\r\nv=0\r\nm=",
        b"OPTIONS sip:" + b"A" * 3000 + b" SIP/2.0\r\n\r\n",
    ]
    async with DaemonProcess(tmp_path / "var", OFF) as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for datagram in garbage:
                stranger.sendto(datagram, ("127.0.0.1", daemon.port))
        heard = len(probe.rtp.packets)
        await until(lambda: len(probe.rtp.packets) > heard + 25)
        assert probe.live
        assert continuity(probe.rtp.packets).lost == 0
        async with Probe(daemon.uri(), caller="next") as following:
            await following.answered()
            await hears_agent(following)


async def test_callers_who_hang_up_and_call_again_at_once_are_all_served(tmp_path: Path) -> None:
    """pjsua2 gives a call's slot to the next one before it is done with the first; nobody may notice."""
    async with DaemonProcess(tmp_path / "var", OFF) as daemon:

        async def redial(name: str) -> None:
            for _ in range(4):
                async with Probe(daemon.uri(), caller=name) as probe:
                    await probe.answered()
                    await hears_agent(probe)
                    assert probe.live

        await asyncio.gather(*(redial(f"caller-{lane}") for lane in range(4)))
        await daemon.idle()
        assert daemon.log().count(str(EndReason.CALLER_HUNG_UP)) == 16


async def test_a_caller_who_never_acknowledges_is_let_go(tmp_path: Path) -> None:
    sections = {"sip": {"ack_timeout_s": 1}, **OFF}
    async with DaemonProcess(tmp_path / "var", sections) as daemon, Probe(daemon.uri(), acknowledge=False) as probe:
        await probe.answered()
        await until(lambda: "no_ack" in daemon.log())


async def test_a_caller_whose_audio_stops_is_let_go(tmp_path: Path) -> None:
    sections = {"sip": {"rtp_timeout_s": 1}, **OFF}
    async with DaemonProcess(tmp_path / "var", sections) as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        probe.rtp.sending = False
        assert await probe.ended() == "bye"
        await until(lambda: "rtp_timeout" in daemon.log())


# ------------------------------------------------------------------------------------------------ signals


async def draining(daemon: DaemonProcess) -> None:
    """Returns once the daemon has seen the signal: on a busy machine a call may overtake it."""
    async with asyncio.timeout(10):
        while (await daemon.health())[0] != 503:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_sigterm_lets_live_calls_finish_and_takes_no_new_ones(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon:
        async with Probe(daemon.uri()) as probe:
            await probe.answered()
            await hears_agent(probe)
            daemon.signal(signal.SIGTERM)
            await draining(daemon)
            async with Probe(daemon.uri(), caller="late") as late:
                with pytest.raises(Refused) as refusal:
                    await late.answered()
            assert refusal.value.code == 503
            heard = len(probe.rtp.packets)
            await until(lambda: len(probe.rtp.packets) > heard + 25)
            assert probe.live
            await probe.hang_up()
        assert await daemon.ended(10) == 0


async def test_a_call_that_outlasts_the_limit_is_ended_and_the_daemon_still_exits_well(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", {"calls": {"drain_s": 1}, **OFF}) as daemon:
        async with Probe(daemon.uri()) as probe:
            await probe.answered()
            await hears_agent(probe)
            daemon.signal(signal.SIGTERM)
            assert await probe.ended() == "bye"
        assert await daemon.ended(10) == 0


async def test_a_second_sigint_stops_at_once(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        daemon.signal(signal.SIGINT)
        await draining(daemon)
        async with Probe(daemon.uri(), caller="late") as late:
            with pytest.raises(Refused):
                await late.answered()
        assert probe.live
        daemon.signal(signal.SIGINT)
        assert await daemon.ended(10) != 0
        await until(lambda: not probe.live)


# ------------------------------------------------------------------------------------------------ parts that die


def children(pid: int) -> dict[int, str]:
    """Living child processes with their command lines (proc(5))."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it ended while we looked
    return found


def child(daemon: DaemonProcess, *words: str) -> int:
    """The one child of the daemon whose command line has all `words`."""
    (found,) = [pid for pid, line in children(daemon.pid).items() if all(word in line for word in words)]
    return found


async def test_a_recogniser_killed_in_a_call_is_replaced_and_the_next_turn_is_heard(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await agent_done(probe)
        killed = child(daemon, "sidecars", "--kind stt")
        os.kill(killed, signal.SIGKILL)
        await until(lambda: any("--kind stt" in line and pid != killed for pid, line in children(daemon.pid).items()))
        await agent_done(probe)
        said = probe.rtp.packets[-1].at_ns
        probe.rtp.play(voice())
        await hears_agent(probe, said)
        await probe.hang_up()
        await until(lambda: any("appointment" in turn for turn in turns(daemon)))


async def test_a_synthesiser_killed_in_a_call_does_not_end_it(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        os.kill(child(daemon, "sidecars", "--engine hibari"), signal.SIGKILL)
        await agent_done(probe)
        said = probe.rtp.packets[-1].at_ns
        probe.rtp.play(voice())
        await hears_agent(probe, said)
        assert probe.live


async def test_a_line_card_that_dies_costs_its_calls_and_is_replaced(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        os.kill(child(daemon, "line_card"), signal.SIGKILL)
        await until(lambda: "line_card_died" in daemon.log())
        async with Probe(daemon.uri(), caller="next") as following:
            await following.answered()
            await hears_agent(following)


async def test_a_redis_killed_in_a_call_costs_no_audio_and_readiness_says_degraded(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refuses for as long as we live
        gone = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        async with DaemonProcess(tmp_path / "off", {"state": {"url": gone}}) as daemon, Probe(daemon.uri()) as probe:
            await probe.answered()
            await hears_agent(probe)
            code, body = await daemon.health()
            assert "degraded" in body, (code, body)
    async with DaemonProcess(tmp_path / "var") as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        os.kill(child(daemon, "redis-server"), signal.SIGKILL)
        heard = len(probe.rtp.packets)
        await until(lambda: len(probe.rtp.packets) > heard + 50)
        assert probe.live
        assert continuity(probe.rtp.packets).lost == 0


async def test_a_daemon_without_its_redis_folder_says_so(tmp_path: Path) -> None:
    """A daemon of our own that cannot come up is told with its log, for whoever runs a burst."""
    with pytest.raises(DaemonFailed, match="colour"):
        async with DaemonProcess(tmp_path / "var", {"colour": "blue"}):
            pass


def test_free_ports_differ() -> None:
    ports = [free_port(socket.SOCK_DGRAM) for _ in range(10)]
    assert min(ports) > 1023
    assert len(set(ports)) > 1
