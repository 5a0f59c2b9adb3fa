from common import *
for name,p in (("guarded",GUARDED),("workforce",WORK_P),("staff-closed",evolve(DEFAULT,recovery=RecoveryPolicy(groups={"staff":()})))):
    w = built(World, Engine, MemoryStore(), policy=p, seed=7)
    w.sign_up("new","new@example.org",password=None, groups=frozenset({"staff"}))
    print(name, w.calls.admin.initial_password("new", actor="op"))
    w.deliver()
    m=w.messenger.messages[-1:] 
    print("  mail", [(x.purpose, bool(x.link)) for x in m])
    if m and m[0].link: print("  redeem", w.calls.redeem_reset(ResetLink(m[0].link), NEW, context=w.context()))
