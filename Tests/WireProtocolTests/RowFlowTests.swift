import NIOCore
import Testing
import WireProtocol

@Suite struct RowAssemblerTests {
    private static let rowBytes: UInt64 = 2_500_000

    private func chunks(_ perturbation: UInt32, lease: UInt64 = 1) -> [RowChunk] {
        RowChunk.chunks(
            lease: lease,
            perturbation: perturbation,
            digest: Sample.digest,
            row: Sample.payload(Int(Self.rowBytes))
        )
    }

    @Test func interleavedRowsComeOutWhole() throws {
        var assembler = RowAssembler(rowBytes: Self.rowBytes, creditBytes: 16 << 20)
        var rows: [AssembledRow] = []
        for (first, second) in zip(chunks(1), chunks(2)) {
            for chunk in [first, second] {
                if let row = try assembler.add(chunk) {
                    rows.append(row)
                }
            }
        }
        #expect(rows.map(\.perturbation) == [1, 2])
        #expect(rows.allSatisfy { $0.bytes == Sample.payload(Int(Self.rowBytes)) })
        #expect(rows.allSatisfy { $0.digest == Sample.digest && $0.lease == 1 })
        #expect(assembler.openRowCount == 0)
    }

    @Test func aRowInOneChunkNeedsNoRoom() throws {
        var assembler = RowAssembler(rowBytes: 100, creditBytes: 100)
        let chunk = RowChunk(
            lease: 1,
            perturbation: 3,
            totalBytes: 100,
            offset: 0,
            digest: Sample.digest,
            payload: Sample.payload(100)
        )
        #expect(try assembler.add(chunk)?.bytes == Sample.payload(100))
        #expect(assembler.openRowCount == 0)
    }

    @Test func gapsOverlapsAndRepeatsAreRefused() throws {
        let parts = chunks(1)
        for order in [[1], [0, 0], [0, 2], [0, 1, 1], [0, 1, 0]] {
            var assembler = RowAssembler(rowBytes: Self.rowBytes, creditBytes: 16 << 20)
            for index in order.dropLast() {
                #expect(try assembler.add(parts[index]) == nil)
            }
            let last = parts[order[order.count - 1]]
            let expected = UInt64(order.count - 1) << 20
            #expect(
                throws: WireProtocolError.rowChunkOutOfOrder(
                    perturbation: 1,
                    offset: last.offset,
                    expected: expected
                )
            ) {
                try assembler.add(last)
            }
        }
    }

    @Test func aRowOfAnotherLengthIsRefused() {
        var assembler = RowAssembler(rowBytes: Self.rowBytes + 1, creditBytes: 16 << 20)
        #expect(
            throws: WireProtocolError.rowLengthMismatch(
                perturbation: 1,
                declared: Self.rowBytes,
                expected: Self.rowBytes + 1
            )
        ) {
            try assembler.add(chunks(1)[0])
        }
    }

    @Test func aDigestThatChangesIsRefused() throws {
        var assembler = RowAssembler(rowBytes: Self.rowBytes, creditBytes: 16 << 20)
        var parts = chunks(1)
        parts[1].digest = Sample.worker
        #expect(try assembler.add(parts[0]) == nil)
        #expect(throws: WireProtocolError.rowDigestChanged(perturbation: 1)) {
            try assembler.add(parts[1])
        }
    }

    @Test func noMoreRowsAreOpenThanTheCreditCovers() throws {
        var assembler = RowAssembler(rowBytes: Self.rowBytes, creditBytes: 2 * Self.rowBytes)
        #expect(try assembler.add(chunks(1)[0]) == nil)
        #expect(try assembler.add(chunks(1, lease: 2)[0]) == nil)
        #expect(throws: WireProtocolError.tooManyOpenRows(limit: 2)) {
            try assembler.add(chunks(3)[0])
        }
        #expect(assembler.openRowCount == 2)
    }
}

@Suite struct RowCreditTests {
    @Test func creditIsSpentAndRestored() throws {
        var credit = RowCredit(limit: 100)
        try credit.spend(60)
        #expect(credit.available == 40)
        #expect(throws: WireProtocolError.rowCreditExceeded(bytes: 41, available: 40)) {
            try credit.spend(41)
        }
        #expect(credit.available == 40)
        credit.restore(30)
        #expect(credit.available == 70)
        credit.restore(.max)
        #expect(credit.available == 100)
    }
}
