package org.quern.backend.sass;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each opcode against known values, what is not known, how warps wait, and the model of time. */
class SassTest {
    /**
     * Instructions; what is in registers, predicates (a bit a lane), shared and global memory
     * before; and after. A decimal number with a point is a float; "lane" is each lane's number.
     * After it, what is in lane 3.
     */
    private static final String CASES =
            """
            FADD R0, R1, -R2 / R1=1.5 R2=0.25 / R0=1.25
            FADD R0, |R1|, +INF / R1=-INF / R0=INF
            FADD R0, R1, -R1 / R1=INF / R0=0x7fffffff
            FADD R0, R1, R2 / R1=0x1 R2=0x1 / R0=0x2
            FADD.FTZ R0, R1, R2 / R1=0x1 R2=0x80000001 / R0=0x0
            FADD.FTZ R0, -R1, -RZ / R1=0x807fffff / R0=0x0
            FADD.RZ R0, R1, 1 / R1=0x33c00000 / R0=1.0
            FADD R0, R1, 1 / R1=0x33c00000 / R0=0x3f800001
            FMUL R0, R1, R2 / R1=0x7f000000 R2=4.0 / R0=INF
            FMUL R0, R1, -R2 / R1=0.0 R2=2.0 / R0=0x80000000
            FMUL R0, R1, R2 / R1=0x00800000 R2=0.5 / R0=0x00400000
            FMUL.RZ R0, R1, R2 / R1=0x7f000000 R2=4.0 / R0=0x7f7fffff
            FFMA R0, R1, R1, R2 / R1=0x3f800001 R2=-0x1 / R0=0x7fffffff
            FFMA R0, R1, R1, R2 / R1=0x3f800001 R2=0xbf800002 / R0=0x28800000
            FFMA.RM R0, R1, R2, 12582913 / R1=0.5 R2=1.0 / R0=0x4b400001
            FFMA.RP R0, R1, R2, 12582913 / R1=0.25 R2=1.0 / R0=0x4b400002
            FFMA.RM R0, R1, R2, -12582913 / R1=-0.25 R2=1.0 / R0=0xcb400002
            FFMA.RZ R0, R1, R2, -12582913 / R1=-0.75 R2=1.0 / R0=0xcb400001
            FFMA.SAT R0, R1, R2, 0.5 / R1=2.0 R2=1.0 / R0=1.0
            FFMA.SAT R0, R1, R2, RZ / R1=0x7fffffff R2=1.0 / R0=0.0
            FMNMX R0, R1, R2, PT / R1=0x7fc00000 R2=-1.0 / R0=-1.0
            FMNMX R0, R1, R2, !PT / R1=0x80000000 R2=0.0 / R0=0.0
            FSEL R0, -R1, 1, P1 / R1=0x7fc12345 P1=0x8 / R0=0xffc12345
            FSEL R0, R1, 1, !P1 / R1=3.0 P1=0x8 / R0=1.0
            FSET.BF.GT.AND R0, R1, RZ, PT / R1=0x1 / R0=1.0
            FSET.BF.GT.AND R0, R1, RZ, PT / R1=0x7fc00000 / R0=0.0
            FSETP.GEU.AND P0, PT, R1, RZ, PT / R1=0x7fc00000 / P0=1
            FSETP.GE.AND P0, PT, R1, RZ, PT / R1=0x7fc00000 / P0=0
            FSETP.NE.AND P0, PT, R1, RZ, PT / R1=0x7fc00000 / P0=0
            FSETP.NEU.FTZ.AND P0, PT, R1, RZ, PT / R1=0x1 / P0=0
            FSETP.EQ.AND P0, PT, R1, R2, PT / R1=0x80000000 R2=0x0 / P0=1
            FSETP.NUM.OR P0, PT, R1, R1, !P0 / R1=INF P0=0x8 / P0=1
            FSETP.NAN.AND P0, PT, R1, R1, PT / R1=0xffffffff / P0=1
            FSETP.GT.XOR P0, PT, R1, 0.5, P0 / R1=1.0 P0=0x8 / P0=0
            FCHK P0, R1, R2 / R1=1.0 R2=3.0 / P0=0
            FCHK P0, R1, R2 / R1=1.0 R2=0x1 / P0=1
            MUFU.RCP R0, R1 / R1=-4.0 / R0=-0.25
            MUFU.RCP R0, R1 / R1=0x80000001 / R0=0xff800000
            MUFU.RCP R0, R1 / R1=0x7f7fffff / R0=0x0
            MUFU.RSQ R0, R1 / R1=0.25 / R0=2.0
            MUFU.SQRT R0, R1 / R1=-1.0 / R0=0x7fffffff
            MUFU.EX2 R0, R1 / R1=-3.0 / R0=0.125
            MUFU.EX2 R0, R1 / R1=-INF / R0=0.0
            MUFU.LG2 R0, R1 / R1=8.0 / R0=3.0
            MUFU.LG2 R0, R1 / R1=0.0 / R0=-INF
            F2FP.F16.F32.PACK_AB R0, R1, R2 / R1=1.0 R2=-2.0 / R0=0x3c00c000
            F2FP.F16.F32.PACK_AB R0, R1, R2 / R1=65520.0 R2=65519.0 / R0=0x7c007bff
            F2FP.F16.F32.PACK_AB R0, R1, R2 / R1=0x33000000 R2=0x33000001 / R0=0x00000001
            F2FP.F16.F32.PACK_AB R0, R1, R2 / R1=0x7fc00000 R2=2049.0 / R0=0x7fff6800
            HADD2.F32 R0, -RZ, R1.H1_H1 / R1=0x00bb3c00 / R0=0x373b0000
            HADD2.F32 R0, -RZ, -R1.H0_H0 / R1=0x00bbfc00 / R0=INF
            HFMA2.MMA R0, -RZ, RZ, 1.875, 0 /  / R0=0x3f800000
            F2I.NTZ R0, R1 / R1=2.5 / R0=0x2
            F2I.NTZ R0, R1 / R1=-3e9 / R0=0x80000000
            F2I.NTZ R0, R1 / R1=0x7fc00000 / R0=0x0
            F2I.FTZ.U32.TRUNC.NTZ R0, R1 / R1=4294967040.0 / R0=0xffffff00
            F2I.U32.TRUNC.NTZ R0, R1 / R1=-1.5 / R0=0x0
            I2F.U8 R0, R1.B3 / R1=0xff000001 / R0=255.0
            I2F.S8 R0, R1.B3 / R1=0xff000001 / R0=-1.0
            I2F.U16 R0, R1 / R1=0xffff8000 / R0=32768.0
            I2F.U32.RP R0, R1 / R1=0x1000001 / R0=0x4b800001
            I2FP.F32.S32 R0, R1 / R1=0xffffffff / R0=-1.0
            I2FP.F32.U32 R0, R1 / R1=0xffffffff / R0=0x4f800000
            MOV R0, 0x70 /  / R0=0x70
            UMOV UR4, 0x400 /  / UR4=0x400
            R2UR UR4, R1 / R1=lane / UR4=0x0
            VIADD R0, R1, 0xffffffff / R1=0x0 / R0=0xffffffff
            IADD3 R0, P0, R1, R2, RZ / R1=0xffffffff R2=0x1 / R0=0x0 P0=1
            IADD3 R0, P0, P1, R1, R1, R1 / R1=0xffffffff / R0=0xfffffffd P0=1 P1=1
            IADD3 R0, P0, R1, -R2, RZ / R1=0x5 R2=0x5 / R0=0x0 P0=1
            IADD3 R0, P0, R1, -R2, RZ / R1=0x5 R2=0x0 / R0=0x5 P0=1
            IADD3 R0, P0, R1, -R2, RZ / R1=0x4 R2=0x5 / R0=0xffffffff P0=0
            IADD3.X R0, R1, ~R2, RZ, P0, !PT / R1=0x5 R2=0x3 P0=0x8 / R0=0x2
            UIADD3 UR4, -UR5, 0x100000, URZ / UR5=0x9 / UR4=0xffff7
            IMAD R0, R1, -0x800000, R2 / R1=0x3 R2=0x1800001 / R0=0x1
            IMAD.MOV.U32 R0, RZ, RZ, R1 / R1=0x7 / R0=0x7
            IMAD.SHL.U32 R0, R1, 0x10000, RZ / R1=0x18001 / R0=0x80010000
            IMAD.IADD R0, R1, 0x1, -R2 / R1=0x7 R2=0x8 / R0=0xffffffff
            IMAD.X R0, RZ, RZ, R1, P0 / R1=0x7 P0=0x8 / R0=0x8
            IMAD.WIDE.U32 R0, R2, -0x1, RZ / R2=0xffffffff / R0=0x1 R1=0xfffffffe
            IMAD.WIDE R0, R2, 0x4, R4 / R2=-0x1 R4=0x0 R5=0x1 / R0=0xfffffffc R1=0x0
            IMAD.HI.U32 R0, R1, R2, RZ / R1=0xD2511F53 R2=0xffffffff / R0=0xD2511F52
            LEA R0, R1, R2, 0x4 / R1=0xf0000001 R2=0x5 / R0=0x15
            LEA R0, P0, R1, R2, 0x2 / R1=0x1 R2=0xfffffffc / R0=0x0 P0=1
            LEA.HI R0, R1, R2, RZ, 0x1e / R1=0xc0000003 R2=0x1 / R0=0x30000001
            LEA.HI.X R0, R1, R2, R3, 0x2, P0 / R1=0xc0000000 R2=0x10 R3=0x1 P0=0x8 / R0=0x18
            LEA.HI.X.SX32 R0, R1, RZ, 0x1, P0 / R1=-0x1 P0=0x0 / R0=0xffffffff
            ULEA UR4, UR5, UR6, 0x18 / UR5=0x3 UR6=0x400 / UR4=0x3000400
            LOP3.LUT R0, R1, R2, R3, 0x96, !PT / R1=0xf0 R2=0xcc R3=0xaa / R0=0x96
            LOP3.LUT P0, RZ, R1, 0x4, RZ, 0xc0, !PT / R1=0x3 / P0=0
            PLOP3.LUT P0, PT, P1, P2, PT, 0x2a, 0x0 / P1=0x0 P2=0x8 / P0=1
            PLOP3.LUT P0, PT, P1, P2, P3, 0xe0, 0x0 / P1=0x8 P2=0x0 P3=0x8 / P0=1
            SHF.L.U32 R0, R1, R2, RZ / R1=0x1 R2=0x20 / R0=0x0
            SHF.L.U64.HI R0, R1, 0x18, RZ / R1=0x12345678 / R0=0x123456
            SHF.L.W.U32.HI R0, R1, 0x24, R1 / R1=0x80000001 / R0=0x18
            SHF.R.U32.HI R0, RZ, R2, R1 / R1=0x80000000 R2=0xffffffff / R0=0x0
            SHF.R.S32.HI R0, RZ, 0x1f, R1 / R1=0x80000000 / R0=0xffffffff
            SHF.R.U64 R0, R1, 0x8, R2 / R1=0x100 R2=0x5 / R0=0x5000001
            PRMT R0, R1, 0x5410, R2 / R1=0x44332211 R2=0x88776655 / R0=0x66552211
            PRMT R0, R1, 0xc08b, R2 / R1=0x80332211 R2=0x88776655 / R0=0x001100ff
            SGXT R0, R1, 0x8 / R1=0x80 / R0=0xffffff80
            SGXT.U32 R0, R1, 0x8 / R1=0x1ff / R0=0xff
            SEL R0, R1, 0x2, P1 / R1=0x1 P1=0x8 / R0=0x1
            VIMNMX R0, R1, R2, PT / R1=0x80000000 R2=0x1 / R0=0x80000000
            VIMNMX.U32 R0, R1, R2, PT / R1=0x80000000 R2=0x1 / R0=0x1
            VIMNMX.U32 R0, R1, R2, !PT / R1=0x80000000 R2=0x1 / R0=0x80000000
            VIMNMX3.U32 R0, R1, R2, R3, !PT / R1=0x1 R2=0x80000000 R3=0x7 / R0=0x80000000
            VIMNMX3 R0, R1, R2, R3, PT / R1=0x1 R2=0x80000000 R3=0x7 / R0=0x80000000
            VIADDMNMX.U32 R0, R1, -R2, 0x20, PT / R1=0x1 R2=0x2 / R0=0x20
            ISETP.GT.U32.AND P0, PT, R1, R2, PT / R1=0xffffffff R2=0x1 / P0=1
            ISETP.GT.AND P0, PT, R1, R2, PT / R1=0xffffffff R2=0x1 / P0=0
            ISETP.GE.OR P0, PT, R1, R2, !P1 / R1=0x0 R2=0x1 P1=0x0 / P0=1
            ISETP.NE.AND.EX P0, PT, R1, RZ, PT, P1 / R1=0x0 P1=0x8 / P0=1
            ISETP.LT.AND.EX P0, PT, R1, R2, PT, P1 / R1=-0x1 R2=0x0 P1=0x0 / P0=1
            UISETP.NE.AND UP0, UPT, UR4, URZ, UPT / UR4=0x1 / UP0=1
            P2R R0, PR, RZ, 0x5 / P0=0x8 P1=0x8 P2=0x0 / R0=0x1
            R2P PR, R1, 0x6 / R1=0x3 P0=0x8 / P0=1 P1=1 P2=0
            S2R R0, SR_TID.X /  / R0=0x3
            S2R R0, SR_LANEID /  / R0=0x3
            S2UR UR4, SR_CgaCtaId /  / UR4=0x0
            CS2R R0, SRZ / R1=0x5 / R0=0x0 R1=0x0
            STL [R1+-0x4], R2 ; LDL.LU R0, [R1+-0x4] / R1=0x100 R2=lane / R0=0x3
            LDC.U8 R0, c[0x2][0xc] / / R0=0x77
            LDC R0, c[0x2][R1+0x4] / R1=0x8 / R0=0x77
            ULDC.64 UR4, c[0x2][0x8] /  / UR4=0x0 UR5=0x77
            SHFL.BFLY PT, R0, R1, 0x10, 0x1f / R1=lane / R0=0x13
            SHFL.IDX PT, R0, R1, RZ, 0x1c1f / R1=lane / R0=0x0
            SHFL.IDX PT, R0, R1, 0x1, 0x1c03 / R1=lane / R0=0x1
            SHFL.UP P0, R0, R1, 0x4, 0x0 / R1=lane / R0=0x3 P0=0
            SHFL.DOWN P0, R0, R1, 0x2, 0x1f / R1=lane / R0=0x5 P0=1
            VOTE.ALL P0, P1 / P1=0xffffff7f / P0=0
            VOTE.ANY P0, P1 / P1=0x80 / P0=1
            VOTEU.ALL UP0, P1 / P1=0xffffffff / UP0=1
            VOTE.ANY R0, PT, P1 / P1=0x84 / R0=0x84
            REDUX.MAX UR4, R1 / R1=lane / UR4=0x1f
            REDUX.MIN.S32 UR4, R1 / R1=-0x5 / UR4=-0x5
            REDUX.SUM UR4, R1 / R1=lane / UR4=0x1f0
            LDS R0, [R1+0x4] / R1=0x400 S404=0x5 / R0=0x5
            LDS.U8 R0, [R1+0x5] / R1=0x400 S404=0xff80 / R0=0xff
            LDS.S16 R0, [R1+0x4] / R1=0x400 S404=0xff80 / R0=0xffffff80
            LDS.64 R0, [R1+UR4] / R1=0x400 UR4=0x8 S408=0x5 S40c=0x6 / R0=0x5 R1=0x6
            STS [R1], R2 / R1=0x400 R2=0x9 / S400=0x9
            STS.U16 [R1+0x2], R2 / R1=0x400 R2=0x19 S400=0x1 / S400=0x190001
            STS.128 [R1], R4 / R1=0x400 R4=0x1 R7=0x4 / S400=0x1 S40c=0x4
            LDG.E R0, desc[UR8][R2.64+-0x4] / R2=0x8 R3=0x1 G4=0x21 / R0=0x21
            LDG.E.128 R4, desc[UR8][R2.64] / R2=0x10 R3=0x1 G18=0x21 / R6=0x21
            STG.E desc[UR8][R2.64+0x8], R4 / R2=0x0 R3=0x1 R4=0x33 / G8=0x33
            LD.E R0, desc[UR8][R2.64] / R2=0x404 R3=0x7f S404=0x8 / R0=0x8
            ST.E desc[UR8][R2.64], R4 / R2=0x404 R3=0x7f R4=0x44 / S404=0x44
            LDGSTS.E.BYPASS.128 [R1], desc[UR8][R2.64] ; LDGDEPBAR ; DEPBAR.LE SB0, 0x0 / R1=0x410 R2=0x10 R3=0x1 G1c=0x7 / S41c=0x7
            HMMA.16816.F32 R0, R4, R8, R12 / R4=0x3c003c00 R5=0x3c003c00 R6=0x3c003c00 R7=0x3c003c00 R8=0x3c004000 R9=0x3c004000 R12=0.5 R13=1.5 R14=0.0 R15=0.0 / R0=24.5 R1=25.5 R2=24.0
            HMMA.1688.F32.TF32 R0, R4, R8, RZ / R4=1.0 R5=2.0 R6=1.0 R7=2.0 R8=3.0 R9=0x3f801fff / R0=16.0 R2=32.0
            HMMA.1688.F32.TF32 R0, R4, R8, R12 / R4=1.0 R5=0.0 R6=0.0 R7=0.0 R8=0x33000000 R9=0.0 R12=1.0 R13=1.0 R14=0.0 R15=0.0 / R0=1.0
            IMMA.16832.U8.S8 R0, R4.ROW, R8.COL, RZ / R4=0xff R5=0x0 R6=0x0 R7=0x0 R8=0xff R9=0x0 / R0=-0x3fc R2=0x0
            IMMA.16832.U8.U8 R0, R4.ROW, R8.COL, RZ / R4=0xff R5=0x0 R6=0x0 R7=0x0 R8=0xff R9=0x0 / R0=0x3f804
            BRA 0x20 ; MOV R0, 0x1 ; NOP / R0=0x5 / R0=0x5
            BRA.U UP0, 0x20 ; MOV R0, 0x1 ; NOP / R0=0x5 UP0=1 / R0=0x5
            BRA.DIV ~URZ, 0x20 ; MOV R0, 0x1 ; NOP /  / R0=0x1
            MOV R1, 0x10 ; BRX R1 0x0 ; MOV R0, 0x1 ; NOP / R0=0x5 / R0=0x5
            MOV R0, RZ ; BRXU UR1 0x0 ; MOV R0, 0x1 ; NOP / R0=0x5 UR1=0x10 / R0=0x0
            CALL.REL.NOINC 0x30 ; MOV R0, 0x1 ; BRA 0x50 ; MOV R2, 0x10 ; RET.REL.NODEC R2 0x0 ; NOP /  / R0=0x1
            @P0 BRA 0x20 ; EXIT ; MOV R0, 0x1 / P0=0x8 / R0=0x1
            WARPSYNC.ALL ; YIELD ; MEMBAR.ALL.CTA ; FENCE.VIEW.ASYNC.S ; CCTL.IVALL ; ERRBAR ; CGAERRBAR ; NOP / R0=0x1 / R0=0x1
            BAR.SYNC 0x0 ; BAR.ARV 0x1, 0x40 ; UCGABAR_ARV ; UCGABAR_WAIT / R0=0x1 / R0=0x1
            BSSY B0, 0x50 ; @P0 BRA 0x40 ; BREAK B0 ; BRA 0x50 ; BSYNC B0 ; SHFL.IDX PT, R0, R1, RZ, 0x1f / P0=0x0 R1=lane / R0=0x0
            SYNCS.EXCH.64 URZ, [UR4], UR6 ; SYNCS.ARRIVE.TRANS64 RZ, [UR4], R2 ; STAS [R4.64], R6 ; SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR4], R8 ; LDS R0, [R4] / UR4=0x480 UR6=0x1fffc0 UR7=0x7fff0000 R2=0x4 R4=0x400 R5=0x480 R6=0x55 R8=0x0 / R0=0x55 P0=1
            """;

    static Stream<String> cases() {
        return CASES.lines();
    }

    private static Kernel kernel(String... program) {
        List<Instruction> code = new ArrayList<>();
        for (String text : program) {
            code.add(Instruction.parse(16 * code.size(), text, 0x1fe2L << 41));
            Opcodes.check(code.get(code.size() - 1));
        }
        code.add(Instruction.parse(16 * code.size(), "EXIT", 0x1fe1L << 41));
        ByteBuffer bank = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putInt(12, 0x77);
        return new Kernel(code, new ByteBuffer[] {null, null, bank});
    }

    private static Cluster cluster(int blocks, int threads, String... program) {
        return new Cluster(
                kernel(program), blocks, threads, 256, null, List.of(Cluster.memory(64)), null);
    }

    private static int number(String text, int lane) {
        if (text.equals("lane")) {
            return lane;
        }
        boolean hex = text.matches("-?0x.*");
        return hex
                ? (int) (long) Long.decode(text)
                : Float.floatToRawIntBits(Float.parseFloat(text.replace("INF", "Infinity")));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void opcodes(String line) {
        String[] part = line.split(" */ *", -1);
        Cluster cluster = cluster(1, 32, part[0].split(" ; "));
        Warp warp = cluster.warps().get(0);
        for (String set : part[1].split(" ")) {
            String[] side = set.split("=");
            if (set.matches("[SG].*")) {
                memory(cluster, side[0]).putInt(number(side[1], 0));
            } else if (set.matches("U?[RP].*")) {
                for (warp.lane = 0; warp.lane < Warp.LANES; warp.lane++) {
                    warp.now = Instruction.parse(0, "MOV " + side[0], 0);
                    int value = side[1].equals("1") ? -1 : number(side[1], warp.lane);
                    if (set.matches("U?P.*")) {
                        warp.set(0, Warp.has(value, warp.lane));
                    } else {
                        warp.set(0, value);
                    }
                }
            }
        }
        cluster.run();
        warp.lane = 3;
        for (String is : part[2].split(" ")) {
            String[] side = is.split("=");
            warp.now = Instruction.parse(0, "MOV " + side[0], 0);
            if (is.matches("[SG].*")) {
                assertThat(memory(cluster, side[0]).getInt()).isEqualTo(number(side[1], 0));
            } else if (warp.isPredicate(0)) {
                assertThat(warp.is(0)).as(is).isEqualTo(side[1].equals("1"));
            } else {
                assertThat(warp.i(0)).as(is).isEqualTo(number(side[1], 0));
            }
        }
    }

    private static ByteBuffer memory(Cluster cluster, String at) {
        ByteBuffer memory = at.startsWith("S") ? cluster.blocks.get(0).shared : cluster.global(1);
        return memory.position(Integer.parseInt(at.substring(1), 16));
    }

    @Test
    void everyOpcodeHasACase() {
        Set<String> tested =
                cases().flatMap(line -> Arrays.stream(line.split(" */ *")[0].split(" ; ")))
                        .map(text -> Instruction.parse(0, text, 0).name())
                        .collect(Collectors.toCollection(TreeSet::new));
        tested.addAll(List.of("EXIT", "ENDCOLLECTIVE")); // the end of each; an error
        assertThat(tested).containsAll(Opcodes.KNOWN.keySet());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "FROB R0, R1 | unknown opcode",
                "UFROB UR0, UR1 | unknown opcode",
                "FADD.SAT R0, R1, R2 | unknown modifier SAT",
                "LDS.128.CONSTANTLY R0, [R1] | unknown modifier",
                "IADD3 R0, R1, R2, RZ, P0 | a carry without X",
                "MOV R0 | other operands",
                "IMAD R0, P0, R1, R2 | no number",
                "SEL R0, R1, R2, R3 | no predicate",
                "S2R R0, SR_CLOCKLO | not known",
                "LDS R0, [RZ+0x500] | 0x500 is outside of memory",
                "LDS R0, [RZ+0x402] | 0x402 is not aligned",
                "LDS R0, [RZ+0x1000400] | another block",
                "LDG.E R0, desc[UR8][RZ.64] | outside of memory",
                "ENDCOLLECTIVE | the slow way of a collective",
                "BAR.SYNC 0x1, 0x40 | waits for ever",
                "@P0 BAR.SYNC 0x0 | some lanes do not come to a barrier",
                "@P0 EXIT ; SHFL.IDX PT, R0, R1, 0x3, 0x1f | takes from a lane that is not there",
                "BSSY B0, 0x0 ; @P0 BRA 0x30 ; WARPSYNC.ALL ; BSYNC B0 | lanes wait for each other"
            })
    void whatIsWrongIsNamed(String line) {
        String[] part = line.split(" *\\| *");
        assertThatThrownBy(
                        () -> {
                            Cluster cluster = cluster(1, 32, part[0].split(" ; "));
                            cluster.warps().get(0).predicates[0] = 8;
                            cluster.run();
                        })
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(part[1])
                .hasMessageContaining("\" at 0x");
    }

    /**
     * Each warp of two blocks puts its number into the other block's memory; they read it after a
     * barrier.
     */
    private static final String[] EXCHANGE = {
        "S2R R0, SR_CgaCtaId",
        "S2R R1, SR_TID.X",
        "LOP3.LUT R2, R0, 0x1, RZ, 0x3c, !PT", // the other's rank
        "IMAD R3, R2, 0x1000000, RZ",
        "LEA R4, R1, R3, 0x2",
        "VIADD R4, R4, 0x400",
        "MOV R5, 0x7f",
        "IMAD R6, R0, 0x64, R1",
        "ST.E desc[UR8][R4.64], R6",
        "UCGABAR_ARV",
        "UCGABAR_WAIT",
        "LOP3.LUT R7, R1, 0x20, RZ, 0x3c, !PT", // the other warp's
        "IMAD R8, R0, 0x1000000, RZ",
        "LEA R8, R7, R8, 0x2",
        "LDS R9, [R8+0x400]"
    };

    @Test
    void blocksMeetInAnyOrder() {
        for (int seed = 0; seed < 4; seed++) {
            Random order = seed == 0 ? null : new Random(seed);
            Cluster cluster = new Cluster(kernel(EXCHANGE), 2, 64, 256, null, List.of(), order);
            cluster.run();
            for (Warp warp : cluster.warps()) {
                warp.now = Instruction.parse(0, "MOV R9, R9", 0);
                int other = 100 * (1 - warp.block.rank);
                assertThat(warp.register(0, 0, 3)).isEqualTo(other + 3 + 32 * (1 - warp.number));
            }
        }
        String[] without = EXCHANGE.clone();
        without[9] = "NOP";
        without[10] = "NOP";
        Cluster cluster = new Cluster(kernel(without), 2, 64, 256, null, List.of(), null);
        cluster.run();
        Warp warp = cluster.warps().get(0);
        warp.now = Instruction.parse(0, "MOV R9, R9", 0);
        assertThat(warp.register(0, 0, 3)).isEqualTo(Cluster.POISON);
    }

    /** st.async to an mbarrier for one arrival and 4 bytes a lane. */
    private static String[] sends(String bytes, String wait) {
        return new String[] {
            "UMOV UR4, 0x480",
            "UMOV UR6, 0x1ffffe",
            "UMOV UR7, 0x7ffff800",
            "SYNCS.EXCH.64 URZ, [UR4], UR6",
            "S2R R1, SR_LANEID",
            "ISETP.EQ.AND P0, PT, R1, RZ, PT",
            "MOV R2, " + bytes,
            "@P0 SYNCS.ARRIVE.TRANS64 RZ, [UR4], R2",
            "LEA R4, R1, 0x400, 0x2",
            "MOV R5, 0x480",
            "STAS [R4.64], R1",
            wait,
            "LDS R0, [R4]"
        };
    }

    private static final String WAIT = "SYNCS.PHASECHK.TRANS64.TRYWAIT P1, [UR4], RZ";

    @Test
    void whatIsSentIsThereAfterTheWaitAndNotBefore() {
        Cluster cluster = cluster(1, 32, sends("0x80", WAIT));
        cluster.run();
        assertThat(register0(cluster)).isEqualTo(3);
        Cluster early = cluster(1, 32, sends("0x80", "NOP"));
        early.run();
        assertThat(register0(early)).isEqualTo(Cluster.POISON);
        assertThatThrownBy(() -> cluster(1, 32, sends("0x84", WAIT)).run())
                .hasMessageContaining("waits for ever");
    }

    private static int register0(Cluster cluster) {
        Warp warp = cluster.warps().get(0);
        warp.now = Instruction.parse(0, "MOV R0, R0", 0);
        return warp.register(0, 0, 3);
    }

    /** 32 lanes, each so many bytes further, or all at one place. */
    @ParameterizedTest
    @CsvSource({
        "LDS R2, 0, 1",
        "LDS R2, 4, 1",
        "LDS R2, 8, 2",
        "LDS R2, 128, 32",
        "LDS R2, 132, 1",
        "LDS.64 R2, 8, 2",
        "LDS.128 R4, 16, 4",
        "LDS.128 R4, 32, 8",
        "LDS.U8 R2, 1, 1"
    })
    void wavefrontsAreOfTheWordsInABank(String load, int stride, int wavefronts) {
        String[] program = {
            "S2R R0, SR_LANEID",
            "IMAD R1, R0, 0x%x, RZ".formatted(stride),
            load + ", [R1+0x400]",
            "EXIT"
        };
        Cluster cluster = new Cluster(kernel(program), 1, 32, 8192, null, List.of(), null);
        cluster.run();
        assertThat(cluster.wavefronts).isEqualTo(wavefronts);
        assertThat(cluster.instructions()).isEqualTo(4);
    }

    @Test
    void copiesAreThereOnceTheyAreWaitedFor() {
        String copy = "LDGSTS.E [R1], desc[UR8][R2.64]";
        for (boolean waits : new boolean[] {true, false}) {
            Cluster cluster =
                    cluster(
                            1,
                            32,
                            "MOV R1, 0x400",
                            "MOV R2, 0x0",
                            "MOV R3, 0x1",
                            copy,
                            "LDGDEPBAR",
                            waits ? "DEPBAR.LE SB0, 0x0" : "DEPBAR.LE SB0, 0x1",
                            "LDS R0, [R1]");
            cluster.global(1).putInt(0, 7);
            cluster.run();
            assertThat(register0(cluster)).isEqualTo(waits ? 7 : Cluster.POISON);
        }
    }

    /** Lanes that are apart meet again: the last instruction is issued once. */
    @Test
    void lanesMeetAgain() {
        Cluster cluster =
                cluster(
                        1,
                        32,
                        "BSSY B0, 0x40",
                        "@P0 BRA 0x70",
                        "MOV R0, 0x1",
                        "NOP",
                        "BSYNC B0",
                        "NOP",
                        "EXIT",
                        "MOV R0, 0x2",
                        "BRA 0x40");
        cluster.warps().get(0).predicates[0] = 0x10;
        cluster.run();
        assertThat(cluster.warps().get(0).trace.size())
                .isEqualTo(10); // BSYNC for 31 lanes and for one
    }

    private static long cycles(Cluster cluster, Timeline.Model model) {
        cluster.run();
        return Timeline.parts(cluster, model).get(0).values().stream()
                .mapToLong(p -> p.cycles)
                .sum();
    }

    /** By hand: stalls of 2 cycles and of 1 at the end; barriers of 20; an exchange of 200. */
    @Test
    void timeline() {
        Timeline.Model model = new Timeline.Model(true, 20, 200, 800);
        assertThat(cycles(cluster(1, 32, "NOP", "NOP"), model)).isEqualTo(2 + 2 + 1);
        assertThat(cycles(cluster(1, 32, "NOP", "BAR.SYNC 0x0"), model)).isEqualTo(2 + 2 + 20 + 1);
        // of five warps two share a scheduler: FADD at 0 and 1, NOP at 2 and 4, EXIT at 6 and 8
        assertThat(cycles(cluster(1, 160, "FADD R0, R1, R2", "NOP"), model)).isEqualTo(8 + 1);
        assertThat(cycles(cluster(2, 32, "UCGABAR_ARV", "UCGABAR_WAIT"), model)).isEqualTo(800 + 1);
        assertThat(cycles(cluster(1, 32, sends("0x80", WAIT)), model))
                .isEqualTo(10 * 2 + 200 + 2 + 1);
    }
}
