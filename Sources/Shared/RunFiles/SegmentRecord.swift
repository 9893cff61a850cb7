package import Digests
internal import DifferentialExpression

/// What makes the records of one run recognisable: their check sums begin with it.
///
/// A record of another run, or of the same screen prepared anew, can therefore never be taken for
/// one of this run, wherever its bytes come from.
package struct SegmentSeal: Equatable, Sendable {
    let digest: Digest128

    /// The seal of a run.
    package init(runID: String, fingerprint: String) {
        let digester = Digester()
        digester.update("crispyx-cluster rows 1")
        digester.update(runID)
        digester.update(fingerprint)
        digest = digester.finish()
    }

    /// Check sum of some bytes under this seal.
    func check(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        let digester = Digester()
        digester.update(digest)
        bytes.withUnsafeBytes { digester.update($0) }
        return digester.finish().low
    }
}

/// One entry of a segment file.
///
/// On the disk: 8 bytes that mark a record, kind, perturbation, attempt and a zero of 4 bytes each,
/// 8 bytes of payload length, 16 of the payload's digest, 8 of check sum over all that, then the
/// payload. All numbers little-endian.
package struct SegmentRecord: Equatable, Sendable {
    /// What the record says about its perturbation.
    package enum Kind: UInt32, Sendable {
        /// The payload is its row.
        case row = 1
        /// Its fit reported failure; the payload says why.
        case failed = 2
        /// Its fit begins; nothing follows from that unless the process dies.
        case began = 3
        /// Its fit was given up without blame, since the process was asked to end.
        case returned = 4
        /// Processes died with it again and again; the payload says so.
        case givenUp = 5
    }

    static let mark: UInt64 = 0x0A57_4F52_5850_5943
    static let headBytes = 56
    /// Longest text of a record that is no row.
    static let longestText = 4096

    /// What it says.
    package var kind: Kind
    /// The perturbation, by its position in the result.
    package var perturbation: UInt32
    /// Which attempt at its shard wrote it, from 1.
    package var attempt: UInt32
    /// Length of the payload.
    package var byteCount: Int
    /// Digest of the payload.
    package var digest: Digest128

    /// The record's head as it stands in the file.
    func head(_ seal: SegmentSeal) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headBytes)
        bytes.append(littleEndian: Self.mark)
        bytes.append(littleEndian: kind.rawValue)
        bytes.append(littleEndian: perturbation)
        bytes.append(littleEndian: attempt)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt64(byteCount))
        bytes += digest.bytes
        bytes.append(littleEndian: seal.check(bytes[...]))
        return bytes
    }

    /// Reads a head; nil when the bytes are none of this run.
    ///
    /// - Parameters:
    ///   - bytes: Exactly ``headBytes`` bytes.
    ///   - seal: The run's.
    ///   - rowBytes: Length of every row.
    ///   - unitCount: Perturbations of the run.
    init?(head bytes: [UInt8], seal: SegmentSeal, rowBytes: Int, unitCount: Int) {
        guard bytes.count == Self.headBytes else { return nil }
        var reader = LittleEndianReader(bytes: bytes)
        guard reader.next(UInt64.self) == Self.mark,
            let kind = Kind(rawValue: reader.next(UInt32.self))
        else { return nil }
        let perturbation = reader.next(UInt32.self)
        let attempt = reader.next(UInt32.self)
        guard reader.next(UInt32.self) == 0 else { return nil }
        let length = reader.next(UInt64.self)
        guard let digest = Digest128(bytes: Array(bytes[32..<48])) else { return nil }
        var last = LittleEndianReader(bytes: Array(bytes[48...]))
        guard last.next(UInt64.self) == seal.check(bytes[..<48]),
            Int(perturbation) < unitCount,
            kind == .row ? length == UInt64(rowBytes) : length <= UInt64(Self.longestText)
        else { return nil }
        self.init(
            kind: kind,
            perturbation: perturbation,
            attempt: attempt,
            byteCount: Int(length),
            digest: digest
        )
    }

    /// A record of some content.
    package init(
        kind: Kind,
        perturbation: UInt32,
        attempt: UInt32,
        byteCount: Int,
        digest: Digest128
    ) {
        self.kind = kind
        self.perturbation = perturbation
        self.attempt = attempt
        self.byteCount = byteCount
        self.digest = digest
    }
}
