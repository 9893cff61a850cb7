import DifferentialExpression
import Digests
import Statistics
import Testing

@Suite("Covariates on the way to a worker")
struct CovariateTableTests {
    private static let table = CovariateTable(
        cellCount: 4,
        covariates: [
            .init(
                name: "age",
                values: .numeric([1.5, -0.0, .infinity, Double.leastNonzeroMagnitude])
            ),
            .init(
                name: "batch",
                values: .levels(
                    .init(codes: [0, -1, 2, 1], names: ["a", "β", ""], keepsUnused: true)
                )
            ),
            .init(
                name: "lane",
                values: .levels(.init(codes: [0, 0, 0, 0], names: ["x"], keepsUnused: false))
            ),
        ]
    )

    @Test("come out as they went in")
    func roundTrip() throws {
        #expect(try CovariateTable(bytes: Self.table.encoded()) == Self.table)
        let none = CovariateTable(cellCount: 3_000_000)
        #expect(try CovariateTable(bytes: none.encoded()) == none)
        let missing = CovariateTable(
            cellCount: 2,
            covariates: [.init(name: "age", values: .numeric([.nan, 1]))]
        )
        let found = try CovariateTable(bytes: missing.encoded())
        #expect(found.numbers[0][0].isNaN && found.numbers[0][1] == 1)
    }

    @Test("are refused when a byte is changed, missing or too many")
    func damaged() {
        let bytes = Self.table.encoded()
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x10
            #expect(throws: CovariateTableError.damaged) { try CovariateTable(bytes: changed) }
        }
        for count in 0..<bytes.count {
            #expect(throws: CovariateTableError.self) {
                try CovariateTable(bytes: Array(bytes[..<count]))
            }
        }
        #expect(throws: CovariateTableError.self) { try CovariateTable(bytes: bytes + [0]) }
    }

    /// A table with a right digest whose content is changed.
    private func sealed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var content = Array(Self.table.encoded().dropLast(16))
        change(&content)
        return content + digest(of: content)
    }

    @Test("are refused when they contradict themselves under a right digest")
    func hostile() {
        #expect(throws: Never.self) { try CovariateTable(bytes: sealed { _ in }) }
        // Magic, cells, covariates, then kind and length of the first name.
        for place in stride(from: 0, to: 40, by: 8) {
            for value in [UInt64.max, 1 << 40, 1 << 32, 77] {
                let bytes = sealed { content in
                    for byte in 0..<8 { content[place + byte] = UInt8(value >> (8 * byte) & 255) }
                }
                #expect(throws: CovariateTableError.self) { try CovariateTable(bytes: bytes) }
            }
        }
        // Every byte once: no change may do worse than be refused or be another table.
        for place in 0..<Self.table.encoded().count - 16 {
            for value in [UInt8(0), 1, 3, 127, 255] {
                let bytes = sealed { $0[place] = value }
                do throws(CovariateTableError) {
                    let table = try CovariateTable(bytes: bytes)
                    for levels in table.levels {
                        #expect(levels.codes.allSatisfy { $0 >= -1 && $0 < levels.names.count })
                    }
                } catch {
                    #expect(error != .damaged)
                }
            }
        }
    }
}

private func digest(of content: [UInt8]) -> [UInt8] {
    content.withUnsafeBytes { Digest128(of: $0) }.bytes
}
