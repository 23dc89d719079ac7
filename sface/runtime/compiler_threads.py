"""Jittor's compiler threads, made to take turns where they share memory.

Jittor compiles the operators of a step in several threads. Each of them first works out the operator's source, and for
that adds operators to the graph that all of them share, without a lock. What comes of it, in about one start of some
hundreds, is a crash ("Caught segfault") in that step or a later one. Here one thread at a time works out a source;
compilers run side by side as before, so that this costs no time.
"""

from typing import Any

_HEADER = r"""
#include <mutex>
#include "op_compiler.h"
#include "opt/pass_manager.h"
#include "opt/tuner_manager.h"
#include "ops/op_register.h"

namespace jittor {

extern jit_op_entry_t (*do_compile_hook)(Op*);

// What Jittor does where there is no hook, with a lock around all but the compiler.
static jit_op_entry_t compile_in_turns(Op* op) {
    static std::mutex mutex;
    std::unique_lock<std::mutex> turn(mutex);
    OpCompiler compiler(op);
    for (OpByType* type : op_types)
        type->post_pass(&compiler);
    string source = compiler.src;
    if (compiler.op)
        source = TunerManager(&compiler).tune();
    op->compile_optimize(source);
    const string key = op->get_jit_key(get_jk());
    turn.unlock();
    return compiler.compile(key, source);
}

}
"""


def take_turns(jittor: Any) -> None:
    """Let the compiler threads of this process take turns. `jittor`: the module, just imported."""
    with jittor.flag_scope(use_cuda=0):
        jittor.code((1,), "float32", [], cpu_header=_HEADER, cpu_src="do_compile_hook = compile_in_turns;").sync()
