import AnnData
import CDeflate
import Foundation
import Testing

/// The counts that every matrix of the fixtures holds; see make_fixtures.py.
enum FixtureCounts {
    static let cells = 20
    static let genes = 7

    static func count(_ cell: Int, _ gene: Int) -> UInt32 {
        let value = (cell * cell * 3 + gene * 5 + cell * gene) % 13
        return value > 7 && cell != 4 ? UInt32(value - 7) : 0
    }

    static let rows: [[Entry]] = (0..<cells).map { cell in
        (0..<genes).compactMap { gene in
            let value = count(cell, gene)
            return value == 0 ? nil : Entry(gene: UInt32(gene), count: value)
        }
    }

    static let nonzeros = rows.reduce(0) { $0 + $1.count }

    static let labels = ["control", "HLA-A/B", "A,B", "Gène", "control"]
}

struct Entry: Equatable {
    let gene: UInt32
    let count: UInt32
}

/// A directory that disappears with its owner.
final class ScratchDirectory {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/reading-XXXXXX").utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Path of a fixture; a compressed one is unpacked into `directory` first.
func fixture(
    _ name: String,
    of group: String = "reading",
    in directory: ScratchDirectory? = nil
) throws -> String {
    let folder = try #require(Bundle.module.resourceURL).appending(path: "Fixtures/\(group)")
    let plain = folder.appending(path: name).path
    if FileManager.default.fileExists(atPath: plain) { return plain }
    let packed = try Data(contentsOf: folder.appending(path: name + ".gz"))
    let directory = try #require(directory, "a compressed fixture needs a directory")
    let target = directory.path + "/" + name
    try unpack(packed).write(to: URL(filePath: target))
    return target
}

private func unpack(_ packed: Data) throws -> Data {
    let decompressor = try #require(libdeflate_alloc_decompressor())
    defer { libdeflate_free_decompressor(decompressor) }
    var target = Data(count: 1 << 20)
    var count = 0
    let status = packed.withUnsafeBytes { source in
        target.withUnsafeMutableBytes { target in
            libdeflate_gzip_decompress(
                decompressor,
                source.baseAddress,
                source.count,
                target.baseAddress,
                target.count,
                &count
            )
        }
    }
    #expect(status == LIBDEFLATE_SUCCESS)
    return target.prefix(count)
}

/// Everything that a pass delivers.
struct Pass {
    var rows: [[Entry]] = []
    var report = StreamReport()
    var pieces = 0
}

/// Reads a matrix and checks what is promised of every piece.
func read(
    _ screen: ScreenFile,
    _ choice: MatrixChoice,
    threads: Int = 2,
    memoryBytes: Int = 64 << 20,
    scratch: String = NSTemporaryDirectory()
) throws -> Pass {
    var pass = Pass()
    let resources = StreamResources(
        threads: threads,
        memoryBytes: memoryBytes,
        scratchDirectory: scratch
    )
    pass.report = try screen.streamCounts(choice, resources: resources) { piece in
        var rows: [[Entry]] = []
        for cell in 0..<piece.cellCount {
            let range = piece.rowStarts[cell]..<piece.rowStarts[cell + 1]
            rows.append(range.map { Entry(gene: piece.genes[$0], count: piece.counts[$0]) })
        }
        return (piece.firstCell, rows)
    } consume: { first, rows in
        #expect(first == pass.rows.count, "pieces come in file order")
        pass.rows += rows
        pass.pieces += 1
    }
    return pass
}

/// The error that `body` throws.
func anndataError(_ body: () throws -> Void) -> AnnDataError? {
    do {
        try body()
        return nil
    } catch {
        return error as? AnnDataError
    }
}
