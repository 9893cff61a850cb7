import Digests
import Testing

@Suite struct DigestTests {
    /// Content and what libxxhash 0.8.1 called from C gives for it.
    private static let known: [(bytes: [UInt8], text: String)] = [
        ([], "99aa06d3014798d86001c324468d497f"),
        (Array("abc".utf8), "06b05ab6733a618578af5f94892f3950"),
        ((0..<200).map { UInt8($0) }, "cb0395310643ba0edd97e9af3609d9f5"),
        ((0..<5000).map { UInt8($0 * 7 % 256) }, "a4ba2a60fb07e0166abe8be5abcb2760"),
    ]

    @Test func knownContentHasItsKnownDigest() {
        for (bytes, text) in Self.known {
            #expect(bytes.withUnsafeBytes { Digest128(of: $0) }.description == text)
        }
    }

    @Test func theCutIntoPiecesDoesNotMatter() {
        for (bytes, text) in Self.known {
            for pieceCount in [1, 2, 3, 7, 64, 241] {
                let digester = Digester()
                bytes.withUnsafeBytes { bytes in
                    for start in stride(from: 0, to: bytes.count, by: pieceCount) {
                        let end = min(start + pieceCount, bytes.count)
                        digester.update(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                    }
                }
                #expect(digester.finish().description == text)
            }
        }
    }

    @Test func aDigestMayBeAskedForInBetweenAndADigesterUsedAgain() {
        let digester = Digester()
        [UInt8]("ab".utf8).withUnsafeBytes { digester.update($0) }
        let between = digester.finish()
        [UInt8]("c".utf8).withUnsafeBytes { digester.update($0) }
        #expect(digester.finish().description == Self.known[1].text)
        #expect(between != digester.finish())
        digester.reset()
        #expect(digester.finish().description == Self.known[0].text)
    }

    @Test func anIntegerIsItsEightBytesLeastSignificantFirst() {
        let digester = Digester()
        digester.update(0x0807_0605_0403_0201 as UInt64)
        #expect(digester.finish() == digest(of: [1, 2, 3, 4, 5, 6, 7, 8]))
    }

    @Test func aTextIsItsLengthAndItsUTF8() {
        let digester = Digester()
        digester.update("µ")
        #expect(digester.finish() == digest(of: [2, 0, 0, 0, 0, 0, 0, 0, 0xC2, 0xB5]))
    }

    @Test func listsOfTextsWithTheSameLettersDiffer() {
        let first = Digester()
        first.update("ab")
        first.update("c")
        let second = Digester()
        second.update("a")
        second.update("bc")
        #expect(first.finish() != second.finish())
    }

    @Test func aDigestOfDigestsIsTheDigestOfTheirBytes() {
        let parts = [digest(of: [1]), digest(of: [2])]
        let digester = Digester()
        for part in parts {
            digester.update(part)
        }
        #expect(digester.finish() == digest(of: parts[0].bytes + parts[1].bytes))
    }

    @Test func bytesAndTextGiveTheDigestBack() {
        let digest = Digest128(high: 0x0123_4567_89AB_CDEF, low: 0x00FF_0000_0000_0001)
        #expect(digest.description == "0123456789abcdef00ff000000000001")
        #expect(digest.bytes.prefix(3) == [0x01, 0x23, 0x45])
        #expect(Digest128(bytes: digest.bytes) == digest)
        #expect(Digest128(hexadecimal: digest.description) == digest)
        #expect(Digest128(hexadecimal: "0123456789ABCDEF00FF000000000001") == digest)
    }

    @Test(arguments: [
        "", "0", "0123456789abcdef00ff00000000000", "zz23456789abcdef00ff000000000001",
    ])
    func otherTextIsNoDigest(text: String) {
        #expect(Digest128(hexadecimal: text) == nil)
        #expect(Digest128(bytes: Array(text.utf8.prefix(15))) == nil)
        #expect(Digest128(bytes: [UInt8](repeating: 1, count: 17)) == nil)
    }

    private func digest(of bytes: [UInt8]) -> Digest128 {
        bytes.withUnsafeBytes { Digest128(of: $0) }
    }
}
