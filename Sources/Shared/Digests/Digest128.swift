internal import CXXHash

/// A 128-bit XXH3 digest.
///
/// It recognises damage and equal content; it is not a defence against somebody who forges
/// content on purpose. Its byte form is xxHash's canonical one (big-endian, high half first), so
/// the hexadecimal text is what `xxh128sum` prints for the same bytes.
package struct Digest128: Hashable, Sendable, CustomStringConvertible {
    /// Number of bytes in the byte form.
    package static let byteCount = 16

    /// The upper 64 bits.
    package let high: UInt64

    /// The lower 64 bits.
    package let low: UInt64

    /// Makes a digest of its two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Computes the digest of some bytes in one go.
    ///
    /// Equal to what a ``Digester`` gives that received the same bytes in any number of pieces.
    package init(of bytes: UnsafeRawBufferPointer) {
        self.init(XXH3_128bits(bytes.baseAddress, bytes.count))
    }

    /// Takes a digest from its byte form; nil unless there are exactly 16 bytes.
    package init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// Takes a digest from its byte form; nil unless there are exactly 16 bytes.
    package init?(bytes: [UInt8]) {
        guard let digest = bytes.withUnsafeBytes({ Digest128(bytes: $0) }) else { return nil }
        self = digest
    }

    /// Takes a digest from its text form; nil unless the text is exactly 32 hexadecimal digits.
    package init?(hexadecimal text: String) {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 2 * Self.byteCount else { return nil }
        var halves: [UInt64] = [0, 0]
        for (position, digit) in digits.enumerated() {
            guard let digit else { return nil }
            halves[position / 16] = halves[position / 16] << 4 | UInt64(digit)
        }
        self.init(high: halves[0], low: halves[1])
    }

    init(_ hash: XXH128_hash_t) {
        high = hash.high64
        low = hash.low64
    }

    /// The byte form: 16 bytes, big-endian, high half first.
    package var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { [UInt8]($0) }
    }

    /// 32 lower-case hexadecimal digits.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
