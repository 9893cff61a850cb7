import Digests
import Testing
import Worker

@Suite("A block with inputs behind it is taken apart")
struct FitOrderTests {
    private let block = (0..<50).map { UInt8($0 * 3) }
    private let inputs = (0..<32).map { UInt8(200 - $0) }
    private let digest = Digest128(high: 3, low: 4)

    private var whole: [UInt8] {
        block + inputs + inputs.withUnsafeBytes { Digest128(of: $0).bytes }
    }

    private func order(_ bytes: [UInt8], inputBytes: Int = 32) -> FitOrder? {
        FitOrder(perturbation: 9, bytes: bytes, digest: digest, inputBytes: inputBytes)
    }

    @Test("into the block and the inputs")
    func taken() throws {
        let order = try #require(self.order(whole))
        #expect(order.block == block)
        #expect(order.inputs == inputs)
        #expect(order.perturbation == 9 && order.digest == digest)
    }

    @Test("all is block where no inputs come")
    func blockAlone() throws {
        let order = try #require(self.order(whole, inputBytes: 0))
        #expect(order.block == whole)
        #expect(order.inputs == [])
    }

    @Test("an empty block may have inputs")
    func emptyBlock() throws {
        let order = try #require(self.order(Array(whole.dropFirst(50))))
        #expect(order.block == [])
        #expect(order.inputs == inputs)
    }

    @Test(
        "bytes of inputs that changed on the way are refused, those of the block are not looked at"
    )
    func damaged() {
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 0x20
            #expect((order(bytes) == nil) == (index >= 50), "byte \(index)")
        }
    }

    @Test("too few bytes are refused", arguments: [0, 1, 15, 16, 17, 31, 32, 47])
    func short(count: Int) {
        #expect(order(Array(whole.prefix(count))) == nil)
        #expect(order(Array(whole.suffix(count))) == nil)
    }
}
