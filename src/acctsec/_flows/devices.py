"""Known devices: what their owner sees of them, and how he takes one back."""

from acctsec._flows.core import Core, operation
from acctsec._flows.factors import FactorFlows
from acctsec.context import Context
from acctsec.outcomes import DeviceForgotten, DeviceInfo, Devices, Refused, TryAgain
from acctsec.record import Device
from acctsec.steps import Done, Scene, forget_device, live_session


class DeviceFlows:
    """What a signed-in subject does with its known devices. None is added here: that takes a full sign-in or a proven change."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors

    @operation
    async def list_devices(self, token: str, *, context: Context) -> Devices | Refused:
        """What may be shown of the subject's known devices; see Engine.list_devices. One load, no write."""
        core, found = self.core, await self.factors.session(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        record, policy = loaded.record, core.policy
        if live_session(policy, record, claims, scene.now) is None:
            return Refused()
        here = core.tokens.known_device(context.device, scene, record)
        known = (one for one in reversed(record.devices) if policy.lockout.knows(one, scene.now))
        return Devices(tuple(self._info(one, scene, current=one == here) for one in known))

    def _info(self, device: Device, scene: Scene, *, current: bool) -> DeviceInfo:
        remembered = self.core.policy.mfa.is_remembered(device, groups=scene.groups, now=scene.now)
        return DeviceInfo(device.id.hex(), device.since, current=current, remembered=device.remembered if remembered else None)

    @operation
    async def forget_device(self, token: str, device_id: str, *, context: Context) -> DeviceForgotten | Refused | TryAgain:
        """Take back what a device token is good for; see Engine.forget_device."""
        core, device, found = self.core, _id(device_id), await self.factors.session(token, context)
        if device is None or found is None:
            return Refused()
        claims, scene, loaded = found
        policy = core.policy
        done = await core.apply(
            scene, loaded, lambda record: forget_device(policy, record, scene=scene, claims=claims, device=device)
        )
        if isinstance(done.verdict, TryAgain):
            return done.verdict
        return DeviceForgotten() if isinstance(done.verdict, Done) else Refused()


def _id(text: object) -> bytes | None:
    """The id that ``DeviceInfo.id`` spells, in its one spelling."""
    if type(text) is not str or len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        return None
    return bytes.fromhex(text)
