import Foundation

/// Certificates for tests, made by the `openssl` command in a folder.
package struct CertificateMaker {
    /// Why none could be made.
    package struct Failure: Error, CustomStringConvertible {
        /// What `openssl` said.
        package let description: String
    }

    private let folder: String

    /// Makes certificates in a folder that is there.
    package init(folder: String) { self.folder = folder }

    /// Path of the certificate of a name.
    package func certificate(_ name: String) -> String { "\(folder)/\(name).pem" }

    /// Path of the key of a name.
    package func key(_ name: String) -> String { "\(folder)/\(name).key" }

    /// Makes an authority.
    package func makeAuthority(_ name: String) throws {
        try run(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key(name), "-out", certificate(name), "-days", "2", "-subj",
                "/CN=\(name)",
            ]
        )
    }

    /// Makes a certificate of an authority.
    ///
    /// - Parameters:
    ///   - name: Whose it is.
    ///   - authority: Who signs it.
    ///   - days: How long it is valid; below 0, until a day ago.
    /// - Throws: ``Failure`` with what `openssl` said.
    package func make(_ name: String, by authority: String, days: Int = 2) throws {
        let request = "\(folder)/\(name).csr"
        try run(
            [
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key(name), "-out", request, "-subj", "/CN=\(name)",
            ]
        )
        try run(
            [
                "x509", "-req", "-in", request, "-CA", certificate(authority), "-CAkey",
                key(authority), "-CAcreateserial", "-days", "\(days)", "-out", certificate(name),
            ]
        )
    }

    /// Runs `openssl`.
    ///
    /// - Throws: ``Failure`` with what it said.
    package func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: String(decoding: text, as: UTF8.self))
        }
    }
}
