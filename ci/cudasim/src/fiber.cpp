/* The switch between fibers. */
namespace cudasim {

/* Saves the callee-saved registers and the stack pointer of one side and takes those of the other. */
extern "C" void cudasim_switch(void **save, void *load);
#if defined(__x86_64__)
asm(R"(
.text
.globl cudasim_switch
.hidden cudasim_switch
.type cudasim_switch, @function
cudasim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#else
#error "the simulator switches fibers on x86-64 only"
#endif

}  // namespace cudasim
